// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/ed25519.hpp>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using crypto::SigningKey;
using test::from_hex;

namespace {

const auto seed_hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

SigningKey key_1() { return SigningKey(crypto::Secret<32>(test::array(from_hex(seed_hex)))); }

/// S + L: the same number to a verifier that does not look whether it is reduced.
crypto::Signature not_reduced(crypto::Signature signature) {
    const auto order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += signature[32 + i] + static_cast<std::uint8_t>(order[i]);
        signature[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    return signature;
}

}  // namespace

TEST_CASE("Ed25519: RFC 8032, 7.1, test 1") {
    const auto key = key_1();
    CHECK(test::to_hex(key.seed()) == seed_hex);
    CHECK(test::to_hex(Bytes(key.verify_key())) ==
          "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const auto signature = key.sign({});
    CHECK(test::to_hex(Bytes(signature)) ==
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd2"
          "5bf5f0595b"
          "be24655141438e7a100b");
    CHECK(crypto::verify(key.verify_key(), {}, signature));
}

TEST_CASE("every changed byte of a signature, key or message is refused") {
    const auto key = key_1();
    const std::string message = "message";
    const auto signature = key.sign(message);
    REQUIRE(crypto::verify(key.verify_key(), message, signature));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        auto bad = signature;
        bad[i] ^= 1;
        CHECK_FALSE(crypto::verify(key.verify_key(), message, bad));
    }
    for (std::size_t i = 0; i < 32; ++i) {
        auto bad = key.verify_key();
        bad[i] ^= 1;
        CHECK_FALSE(crypto::verify(bad, message, signature));
    }
    for (std::size_t i = 0; i < message.size(); ++i)
        CHECK_FALSE(crypto::verify(key.verify_key(), test::flipped(message, i), signature));
    CHECK_FALSE(crypto::verify(key.verify_key(), "messag", signature));
}

TEST_CASE("a signature whose S is not reduced is refused") {
    const auto key = key_1();
    const auto signature = key.sign("message");
    CHECK_FALSE(crypto::verify(key.verify_key(), "message", not_reduced(signature)));
}

TEST_CASE("a key of small order, under which one signature fits every message, is refused") {
    // R = B and S = 1: S B = R + k A for every k if A is the neutral element.
    crypto::Signature signature{};
    signature[0] = 0x58;
    for (std::size_t i = 1; i < 32; ++i) signature[i] = 0x66;
    signature[32] = 1;
    crypto::VerifyKey neutral{1};
    CHECK_FALSE(crypto::verify(neutral, "message", signature));
    CHECK_FALSE(crypto::verify({}, "message", signature));
}
