// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/hash.hpp>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using test::from_hex;
using test::to_hex;

TEST_CASE("SHA-256 of known texts, whole and in pieces") {
    crypto::Algorithms algorithms;
    constexpr auto abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    constexpr auto nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    CHECK(to_hex(Bytes(crypto::sha256(algorithms, {"abc"}))) == abc);
    CHECK(to_hex(Bytes(crypto::sha256(algorithms, {"a", "", "bc"}))) == abc);
    CHECK(to_hex(Bytes(crypto::sha256(algorithms, {}))) == nothing);
    crypto::Sha256 hash(algorithms);
    hash.update("ab");
    hash.update("c");
    CHECK(to_hex(Bytes(hash.finish())) == abc);
    CHECK(to_hex(Bytes(hash.finish())) == nothing);  // it starts again
    const std::string long_text(1'000'000, 'a');
    hash.update(long_text);
    CHECK(to_hex(Bytes(hash.finish())) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("HMAC of RFC 4231") {
    crypto::Algorithms algorithms;
    CHECK(to_hex(crypto::hmac(algorithms, "Jefe", {"what do ya ", "want for nothing?"})) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const std::string long_key(131, '\xaa');  // longer than a block: case 6
    CHECK(to_hex(crypto::hmac(algorithms, long_key,
                              {"Test Using Larger Than Block-Size Key - Hash Key First"})) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HKDF of RFC 5869") {
    struct Row {
        const char *input, *salt, *info, *extracted, *expanded;
    };
    crypto::Algorithms algorithms;
    for (const auto& row : {
             Row{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
                 "f0f1f2f3f4f5f6f7f8f9", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                 "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
             Row{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
                 "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                 "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
         }) {
        const auto secret = crypto::hkdf_extract(algorithms, from_hex(row.salt), from_hex(row.input));
        CHECK(to_hex(secret) == row.extracted);
        std::string out(42, '\0');
        crypto::hkdf_expand(algorithms, secret, from_hex(row.info), std::as_writable_bytes(std::span(out)));
        CHECK(to_hex(out) == row.expanded);
    }
}

TEST_CASE("HKDF gives up to 255 blocks, the short ones being the beginning of the long ones") {
    crypto::Algorithms algorithms;
    std::string longest(crypto::hkdf_bytes_max, '\0');
    crypto::hkdf_expand(algorithms, "key", "info", std::as_writable_bytes(std::span(longest)));
    CHECK(to_hex(Bytes(crypto::sha256(algorithms, {longest}))).substr(0, 16) == "ab0a5bd31f7c48c5");
    for (const std::size_t size : {0, 1, 31, 32, 33, 64, 65}) {
        std::string out(size, '\0');
        crypto::hkdf_expand(algorithms, "key", "info", std::as_writable_bytes(std::span(out)));
        CHECK(out == longest.substr(0, size));
    }
}

TEST_CASE("a labelled expansion takes labels of 250 and contexts of 255 bytes") {
    crypto::Algorithms algorithms;
    crypto::Secret<32> secret;
    const std::string label(250, 'l'), context(255, 'c');
    CHECK(to_hex(crypto::expand_label<12>(algorithms, secret, label, context)) == "d3fc0d9d1f87d95a201a1355");
    CHECK(to_hex(crypto::expand_label<12>(algorithms, secret, "key")) == "f21741769fbd908b32d90b3d");
}
