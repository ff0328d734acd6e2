// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/wire.hpp>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using crypto::Reader;
using crypto::Writer;

TEST_CASE("what is written is read again, and in big endian") {
    std::string out;
    Writer(out).u8(1).u16(0x0203).u32(0x04050607).u64(0x08090A0B0C0D0E0F).v8("a").v16("bc").bytes("d");
    CHECK(test::to_hex(out) == "0102030405060708090a0b0c0d0e0f01610002626364");
    Reader reader(out);
    CHECK(reader.u8() == 1);
    CHECK(reader.u16() == 0x0203);
    CHECK(reader.u32() == 0x04050607);
    CHECK(reader.u64() == 0x08090A0B0C0D0E0F);
    CHECK(reader.v8().text() == "a");
    CHECK(reader.v16().text() == "bc");
    CHECK_FALSE(reader.done());
    CHECK(reader.array<1>() == std::array<std::uint8_t, 1>{'d'});
    CHECK(reader.done());
}

TEST_CASE("once too little was left everything else is refused") {
    for (const auto* hex : {"", "00", "0002", "000261"}) {
        const auto text = test::from_hex(hex);
        Reader reader(text);
        CHECK(reader.v16().empty());
        CHECK_FALSE(reader.ok());
        CHECK(reader.u8() == 0);
        CHECK(reader.u64() == 0);
        CHECK(reader.array<2>() == std::array<std::uint8_t, 2>{});
        CHECK_FALSE(reader.done());
    }
}
