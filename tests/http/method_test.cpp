// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/method.hpp>
#include <penstock/http/status.hpp>

#include <doctest/doctest.h>

using namespace penstock::http;

TEST_CASE("methods by name and back") {
    for (std::size_t at = 0; at + 1 < method_count; ++at) {
        const auto method = static_cast<Method>(at);
        CHECK_FALSE(name(method).empty());
        CHECK(method_from(name(method)) == method);
    }
    CHECK(name(Method::del) == "DELETE");
    for (const auto* text : {"", "get", "GE", "GETS", "PROPFIND"}) CHECK(method_from(text) == Method::other);
    CHECK(name(Method::other).empty());
}

TEST_CASE("sets of methods") {
    MethodSet set;
    CHECK(set.empty());
    set.add(Method::trace);
    set.add(Method::get);
    CHECK(set.has(Method::get));
    CHECK_FALSE(set.has(Method::head));
    std::string text = "Allow: ";
    append_methods(text, set);
    CHECK(text == "Allow: GET, TRACE");
}

TEST_CASE("reasons") {
    CHECK(reason(200) == "OK");
    CHECK(reason(505) == "HTTP Version Not Supported");
    CHECK(reason(299).empty());
    CHECK(is_bodiless(101));
    CHECK(is_bodiless(304));
    CHECK_FALSE(is_bodiless(200));
}
