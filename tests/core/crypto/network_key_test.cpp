// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/network_key.hpp>
#include <penstock/core/sendable.hpp>

#include <cerrno>
#include <string>

#include <doctest/doctest.h>
#include <support/hex.hpp>
#include <support/key_folder.hpp>

using namespace penstock;
using crypto::NetworkKey;

static_assert(core::Sendable<NetworkKey>);

TEST_CASE("a network key is 64 hexadecimal digits and perhaps an end of line") {
    const std::string digits = "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100";
    for (const auto& text : {digits, digits + "\n"}) {
        const auto key = NetworkKey::parse(text);
        REQUIRE(key);
        CHECK(test::to_hex(key->secret()) == test::to_hex(test::from_hex(digits)));
    }
    for (const auto& text :
         {std::string(), std::string("\n"), digits.substr(1), digits + "0", digits + "\n\n", digits + "\r\n",
          digits + " ", " " + digits, digits.substr(2) + "0x", "0x" + digits.substr(2),
          digits.substr(1) + "g", std::string(64, '0'), std::string(64, '0') + "\n",
          digits + std::string(1, '\0'), digits.substr(1) + std::string(1, '\0')}) {
        CAPTURE(text);
        CHECK_FALSE(NetworkKey::parse(text));
    }
}

TEST_CASE("a network key is the same after it was saved and loaded, and never overwritten") {
    const test::KeyFolder folder;
    const auto path = folder.path("network.key");
    core::SeededRandom random(1);
    const auto made = NetworkKey::make(random);
    REQUIRE(made.save(path));
    const auto loaded = NetworkKey::load(path);
    REQUIRE(loaded);
    CHECK(loaded->secret() == made.secret());
    CHECK(folder.read("network.key") == test::to_hex(made.secret()) + "\n");
    const auto again = NetworkKey::make(random).save(path);
    REQUIRE_FALSE(again);
    CHECK(again.error() == Error::os(EEXIST));
    CHECK_FALSE(NetworkKey::load(folder.file("open.key", folder.read("network.key"), 0640)));
    CHECK_FALSE(NetworkKey::load(folder.path("missing.key")));
}

TEST_CASE("a network key is never all zeros") {
    class Zeros final : public core::Random {
        void fill(std::span<std::byte> out) override {
            for (auto& byte : out) byte = std::byte(++calls_ > 64);
        }
        int calls_ = 0;
    } zeros;
    CHECK_FALSE(NetworkKey::make(zeros).secret().is_zero());
}
