// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/address.hpp>

#include <doctest/doctest.h>

using namespace penstock;

TEST_CASE("an address is read and written back") {
    for (const char* text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::]:1", "[::1]:8079",
                             "[2001:db8::1]:443", "[fe80::1%3]:80", "[1:2:3:4:5:6:7:8]:9"}) {
        CAPTURE(text);
        const auto parsed = Address::parse(text);
        REQUIRE(parsed.has_value());
        CHECK(parsed->text() == text);
    }
    const auto mapped = Address::parse("[::ffff:127.0.0.1]:5");
    REQUIRE(mapped.has_value());
    CHECK(mapped->is_loopback());
    CHECK(Address("[::1]:1").is_loopback());
    CHECK(Address("127.9.9.9:1").is_loopback());
    CHECK_FALSE(Address("10.0.0.1:1").is_loopback());
}

TEST_CASE("what is no address is refused") {
    for (const char* text : {"",
                             ":",
                             "1.2.3.4",
                             "1.2.3.4:",
                             "1.2.3:80",
                             "1.2.3.4.5:80",
                             "256.1.1.1:80",
                             "01.2.3.4:80",
                             "1.2.3.4:65536",
                             "1.2.3.4:080",
                             "1.2.3.4:-1",
                             "1.2.3.4: 80",
                             "::1:80",
                             "[::1]",
                             "[::1]80",
                             "[:::1]:80",
                             "[1::2::3]:80",
                             "[1:2:3:4:5:6:7]:80",
                             "[1:2:3:4:5:6:7:8:9]:80",
                             "[12345::]:80",
                             "[1:2:3:4:5:6:7::8]:80",
                             "[::1.2.3]:80",
                             "[::1%]:80",
                             "[::1%x]:80",
                             "[:1]:80",
                             "[1:]:80",
                             "localhost:80",
                             "[1:2:3:4:5:6:7:1.2.3.4]:80"}) {
        CAPTURE(text);
        CHECK_FALSE(Address::parse(text).has_value());
    }
}
