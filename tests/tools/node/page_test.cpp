// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/admin.hpp>

#include <doctest/doctest.h>

using namespace penstock;

TEST_CASE("script and style of the page carry the nonce, and nothing comes from elsewhere") {
    const auto page = node::admin_page("abc123");
    CHECK(page.find("<script nonce=\"abc123\">") != std::string::npos);
    CHECK(page.find("<style nonce=\"abc123\">") != std::string::npos);
    CHECK(page.find("@nonce@") == std::string::npos);
    CHECK(page.find("://") == std::string::npos);
    for (const char* inline_code : {"innerHTML", " onclick=", " style=\"", "eval("})
        CHECK(page.find(inline_code) == std::string::npos);
    CHECK(page.ends_with("</html>\n"));
}

TEST_CASE("the policy lets run what carries the nonce, and no more") {
    CHECK(node::admin_page_policy("abc123") ==
          "default-src 'none'; script-src 'nonce-abc123'; style-src 'nonce-abc123'; img-src data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}
