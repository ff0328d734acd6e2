// SPDX-License-Identifier: Apache-2.0
#include "file_transfer.hpp"

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::tool;

namespace {

crypto::Hash example_hash() {
    crypto::Hash out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i);
    return out;
}

}  // namespace

TEST_CASE("the bodies of channel F are read as they were written") {
    CHECK(parse_begin(begin_body(0x0102030405060708)).value() == 0x0102030405060708);
    CHECK(parse_end(end_body(example_hash())).value() == example_hash());
    const auto result = parse_result(result_body({FileCode::wrong_hash, 77, example_hash()}));
    REQUIRE(result);
    CHECK(result->code == FileCode::wrong_hash);
    CHECK(result->bytes == 77);
    CHECK(result->sha256 == example_hash());
}

TEST_CASE("they are big endian, and of one size each") {
    CHECK(begin_body(1) == std::string("\0\0\0\0\0\0\0\1", 8));
    CHECK(end_body(example_hash()).size() == 32);
    const auto result = result_body({FileCode::no_space, 2, example_hash()});
    CHECK(result.size() == 42);
    CHECK(result.substr(0, 10) == std::string("\0\1\0\0\0\0\0\0\0\2", 10));
}

TEST_CASE("a byte too few or too many is refused") {
    const auto check = [](const std::string& body, auto parse) {
        CHECK(parse(Bytes(body)).has_value());
        CHECK_FALSE(parse(Bytes(body + "x")).has_value());
        CHECK_FALSE(parse(Bytes(body).first(body.size() - 1)).has_value());
        CHECK_FALSE(parse(Bytes()).has_value());
    };
    check(begin_body(5), parse_begin);
    check(end_body(example_hash()), parse_end);
    check(result_body({}), parse_result);
}

TEST_CASE("a hash is shown as hexadecimal digits") {
    CHECK(hex(example_hash()) == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

TEST_CASE("each code has its own words, one that is not known too") {
    for (std::uint16_t a = 0; a <= 7; ++a)
        for (std::uint16_t b = 0; b < a; ++b)
            CHECK(std::string(text_of(FileCode(a))) != text_of(FileCode(b)));
}
