// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/x25519.hpp>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using crypto::Secret;
using crypto::X25519Pair;
using test::from_hex;

TEST_CASE("X25519: RFC 7748, 5.2") {
    const X25519Pair pair(Secret<32>(
        test::array(from_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"))));
    const auto peer =
        test::array(from_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"));
    const auto shared = pair.agree(peer);
    REQUIRE(shared);
    CHECK(test::to_hex(*shared) == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

TEST_CASE("both sides agree") {
    core::SeededRandom random(1);
    const auto a = X25519Pair::make(random), b = X25519Pair::make(random);
    CHECK(a.public_key() != b.public_key());
    CHECK(*a.agree(b.public_key()) == *b.agree(a.public_key()));
}

TEST_CASE("keys of small order are refused") {
    core::SeededRandom random(1);
    const auto pair = X25519Pair::make(random);
    for (const auto* hex : {
             "0000000000000000000000000000000000000000000000000000000000000000",
             "0100000000000000000000000000000000000000000000000000000000000000",
             "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
             "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
             "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "0000000000000000000000000000000000000000000000000000000000000080",
         }) {
        CAPTURE(hex);
        CHECK_FALSE(pair.agree(test::array(from_hex(hex))));
    }
}
