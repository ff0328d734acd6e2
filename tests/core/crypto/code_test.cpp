// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/code.hpp>

#include <string_view>

#include <doctest/doctest.h>

using namespace penstock;
using crypto::Code;

TEST_CASE("a protocol error is told by its code, whatever its text") {
    const auto error = crypto::error(Code::cert_expired, "yesterday");
    CHECK(crypto::is(error, Code::cert_expired));
    CHECK_FALSE(crypto::is(error, Code::cert_untrusted));
    CHECK_FALSE(crypto::is(Error::os(0x000B), Code::cert_expired));
    CHECK(error.message() == "yesterday");
    CHECK(crypto::error(Code::network_key).message() == "network key");
    CHECK(error.code() == 0x000B);
}

TEST_CASE("every code has a name") {
    CHECK(crypto::name(static_cast<Code>(0x030E)) == std::string_view("aead limit"));
    CHECK(crypto::name(static_cast<Code>(0x0006)) == std::string_view("unknown code"));
    CHECK(crypto::name(static_cast<Code>(0x7FFF)) == std::string_view("unknown code"));
    CHECK(crypto::name(static_cast<Code>(0xFFFF)) == std::string_view("application code"));
}
