// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/extensions.hpp>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using crypto::Extensions;

TEST_CASE("extensions ascend, are unique, and the critical ones are known") {
    struct Row {
        const char* hex;
        bool good;
    };
    for (const auto& row : {
             Row{"", true},
             Row{"0002 0001 61", true},
             Row{"0000 0000", true},
             Row{"0001 0000 0002 0000", true},
             Row{"7fff 0000", true},
             Row{"8001 0000", true},   // known below
             Row{"8000 0000", false},  // critical and not known
             Row{"ffff 0000", false},
             Row{"0002 0000 0001 0000", false},
             Row{"0001 0000 0001 0000", false},
             Row{"0000 0000 0000 0000", false},
             Row{"00", false},
             Row{"0001", false},
             Row{"0001 00", false},
             Row{"0001 0001", false},
             Row{"0001 0000 00", false},
             Row{"0001 ffff 00", false},
         }) {
        CAPTURE(row.hex);
        CHECK(Extensions::parse(test::from_hex(row.hex), {0x8001}).has_value() == row.good);
    }
}

TEST_CASE("an extension is found by its type") {
    const auto list = test::from_hex("0001 0000 0002 0003 616263 8001 0001 64");
    const auto extensions = Extensions::parse(list, {0x8001});
    REQUIRE(extensions);
    CHECK(extensions->find(1)->empty());
    CHECK(extensions->find(2)->text() == "abc");
    CHECK(extensions->find(0x8001)->text() == "d");
    CHECK_FALSE(extensions->find(3));
}
