// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/aead.hpp>

#include <array>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using crypto::Aead;
using crypto::Nonce;
using crypto::Secret;
using crypto::Suite;
using test::from_hex;
using test::to_hex;

namespace {

std::span<std::byte> writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

std::string sealed(Aead& aead, const Nonce& nonce, Bytes associated, Bytes plain) {
    std::string out(plain.size() + crypto::tag_bytes, '\0');
    CHECK(aead.seal(nonce, associated, plain, writable(out)) == out.size());
    return out;
}

constexpr std::array both{Suite::aes_gcm, Suite::chacha_poly};

}  // namespace

TEST_CASE("AES-256-GCM: case 16 of its authors") {
    crypto::Algorithms algorithms;
    const Secret<32> key(
        test::array(from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")));
    Aead aead(algorithms, Suite::aes_gcm, key);
    const auto nonce = test::array<12>(from_hex("cafebabefacedbaddecaf888"));
    const auto plain = from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16a"
        "edf5"
        "aa0de657ba637b39");
    CHECK(to_hex(sealed(aead, nonce, from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), plain)) ==
          "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5"
          "f61e63"
          "93ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
}

TEST_CASE("ChaCha20-Poly1305: RFC 8439, 2.8.2") {
    crypto::Algorithms algorithms;
    const Secret<32> key(
        test::array(from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")));
    Aead aead(algorithms, Suite::chacha_poly, key);
    const auto nonce = test::array<12>(from_hex("070000004041424344454647"));
    CHECK(to_hex(sealed(aead, nonce, from_hex("50515253c0c1c2c3c4c5c6c7"),
                        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                        "future, sunscreen would be it.")) ==
          "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a"
          "71de0a"
          "9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e"
          "4b7a9d"
          "e576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
}

TEST_CASE("a counter's nonce is big endian for one suite and little endian for the other") {
    CHECK(to_hex(Bytes(crypto::counter_nonce(Suite::aes_gcm, 0x0102))) == "000000000000000000000102");
    CHECK(to_hex(Bytes(crypto::counter_nonce(Suite::chacha_poly, 0x0102))) == "000000000201000000000000");
    CHECK(to_hex(Bytes(crypto::counter_nonce(Suite::aes_gcm, ~0ull))) == "00000000ffffffffffffffff");
}

TEST_CASE("one context seals and opens in turns, in place, with one key after the other") {
    crypto::Algorithms algorithms;
    for (const auto suite : both) {
        Aead aead(algorithms, suite);
        CHECK(aead.suite() == suite);
        std::string before;
        for (std::uint8_t round = 0; round < 3; ++round) {
            Secret<32> key;
            key.data()[0] = round;
            aead.rekey(key);
            const auto nonce = crypto::counter_nonce(suite, 7);
            for (const std::size_t size : {0, 1, 15, 16, 17, 1000, 16364}) {
                const std::string plain(size, 'p');
                auto room = plain + std::string(crypto::tag_bytes, '\0');
                REQUIRE(aead.seal(nonce, "head", Bytes(room).first(size), writable(room)) == room.size());
                CHECK(room == sealed(aead, nonce, "head", plain));
                CHECK(room != before);
                before = room;
                REQUIRE(aead.open(nonce, "head", room, writable(room)));
                CHECK(room.substr(0, size) == plain);
            }
        }
    }
}

TEST_CASE("pieces are sealed as if they were joined") {
    crypto::Algorithms algorithms;
    for (const auto suite : both) {
        Aead aead(algorithms, suite, Secret<32>());
        const std::string whole(5000, 'w');
        const auto expected = sealed(aead, {}, "head", whole);
        for (const std::size_t cut : {0, 1, 8, 63, 4999, 5000}) {
            const std::array pieces{Bytes(whole).first(cut), Bytes(), Bytes(whole).from(cut)};
            std::string out(whole.size() + crypto::tag_bytes, '\0');
            CHECK(aead.seal({}, "head", pieces, writable(out)) == out.size());
            CHECK(out == expected);
        }
        std::string none(crypto::tag_bytes, '\0');
        CHECK(aead.seal({}, "head", std::span<const Bytes>(), writable(none)) == none.size());
        CHECK(none == sealed(aead, {}, "head", {}));
    }
}

TEST_CASE("every changed bit and every cut is refused, and nothing of it is seen") {
    crypto::Algorithms algorithms;
    for (const auto suite : both) {
        Aead aead(algorithms, suite, Secret<32>());
        const std::string plain = "something to be kept", zeros(plain.size(), '\0');
        const auto good = sealed(aead, {}, "head", plain);
        std::string out(plain.size(), 'x');
        for (std::size_t i = 0; i < good.size(); ++i) {
            for (unsigned bit = 0; bit < 8; ++bit) {
                CHECK_FALSE(aead.open({}, "head", test::flipped(good, i, bit), writable(out)));
                CHECK(out == zeros);
            }
            CHECK_FALSE(aead.open({}, "head", good.substr(0, i), writable(out)));
        }
        CHECK_FALSE(aead.open({}, "Head", good, writable(out)));
        CHECK_FALSE(aead.open({}, "", good, writable(out)));
        CHECK_FALSE(aead.open(crypto::counter_nonce(suite, 1), "head", good, writable(out)));
        REQUIRE(aead.open({}, "head", good, writable(out)));  // after all that, still good
        CHECK(out == plain);
    }
}
