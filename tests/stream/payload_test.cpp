// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/payload.hpp>

#include <doctest/doctest.h>
#include <stream/parties.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using test::code;

namespace {

template <class Payload, class Append>
std::string encoded(const Payload& payload, Append append) {
    std::string out;
    append(out, payload);
    return out;
}

std::string extension(std::uint16_t type, const std::string& value) {
    std::string list, out;
    crypto::Writer(list).u16(type).v16(value);
    crypto::Writer(out).v16(list);
    return out;
}

std::string kem_value(std::uint16_t kem, std::size_t size) {
    std::string out;
    crypto::Writer(out).u16(kem).v16(std::string(size, 'k'));
    return out;
}

}  // namespace

TEST_CASE("the payloads of the vectors are read, and written the same") {
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        const auto bytes_1 = set.bytes("payload_1"), bytes_2 = set.bytes("payload_2"),
                   bytes_3 = set.bytes("payload_3");
        const auto one = parse_payload_1(bytes_1);
        REQUIRE(one);
        CHECK(encoded(*one, append_payload_1) == bytes_1);
        const auto two = parse_payload_2(bytes_2);
        REQUIRE(two);
        CHECK(encoded(*two, append_payload_2) == bytes_2);
        CHECK(two->terms.key_id == set.array<16>("key_id"));
        CHECK(two->terms.idle == 300s);
        CHECK(two->terms.life == 3600s);
        CHECK(two->terms.replay_window == 256);
        CHECK(two->terms.certificate_for_stream_ctl == !set.is_anonymous());
        CHECK_FALSE(two->terms.certificate_for_everything);
        CHECK(two->certificate.text() == set.bytes("server_cert"));
        CHECK(one->kem.has_value() == two->kem.has_value());
        const auto three = parse_payload_3(bytes_3);
        REQUIRE(three);
        CHECK(encoded(*three, append_payload_3) == bytes_3);
        CHECK(three->certificate.text() == (set.is_anonymous() ? "" : set.bytes("client_cert")));
    }
}

TEST_CASE("payloads: every cut, and every byte left over, is refused") {
    for (const auto& set : test::vector_sets()) {
        const auto one = set.bytes("payload_1"), two = set.bytes("payload_2"), three = set.bytes("payload_3");
        for (std::size_t cut = 0; cut < one.size(); ++cut)
            CHECK(code(parse_payload_1(one.substr(0, cut))) == Code::protocol);
        for (std::size_t cut = 0; cut < two.size(); ++cut)
            CHECK(code(parse_payload_2(two.substr(0, cut))) == Code::protocol);
        for (std::size_t cut = 0; cut < three.size(); ++cut)
            CHECK(code(parse_payload_3(three.substr(0, cut))) == Code::protocol);
        CHECK(code(parse_payload_1(one + "x")) == Code::protocol);
        CHECK(code(parse_payload_2(two + "x")) == Code::protocol);
        CHECK(code(parse_payload_3(three + "x")) == Code::protocol);
    }
}

TEST_CASE("payload 1: unknown extensions are skipped unless they are critical, a KEM has its length") {
    CHECK(parse_payload_1(extension(7, "whatever")));
    CHECK(code(parse_payload_1(extension(0x8000, ""))) == Code::protocol);
    CHECK(parse_payload_1(extension(2, kem_value(0x0768, 1184))));
    CHECK(code(parse_payload_1(extension(2, kem_value(0x0768, 1183)))) == Code::protocol);
    CHECK(code(parse_payload_1(extension(2, kem_value(0x0768, 1184) + "x"))) == Code::protocol);
    CHECK(parse_payload_1(extension(2, kem_value(0x0999, 5))));
    CHECK(code(parse_payload_1(extension(2, ""))) == Code::protocol);
}

TEST_CASE("payload 2: versions, policy and certificate types") {
    Payload2 payload;
    payload.certificate = "certificate";
    const auto good = encoded(payload, append_payload_2);
    REQUIRE(parse_payload_2(good));
    constexpr std::size_t versions_at = 0, policy_at = 29, type_at = 30;
    const auto with = [&](std::size_t at, int value) {
        auto out = good;
        out[at] = static_cast<char>(value);
        return code(parse_payload_2(out));
    };
    CHECK(with(policy_at, 3) == Code::no_error);
    CHECK(with(policy_at, 4) == Code::protocol);
    CHECK(with(type_at, 0) == Code::protocol);
    CHECK(with(type_at, 2) == Code::protocol);
    CHECK(code(parse_payload_2(std::string(1, '\0') + good.substr(3))) == Code::protocol);
    CHECK(code(parse_payload_2(std::string("\3\0\1\0", 4) + good.substr(3))) == Code::protocol);
    CHECK(code(parse_payload_2(std::string("\4\0\1\0\2", 5) + good.substr(3))) == Code::no_error);
    CHECK(with(versions_at, 255) == Code::protocol);
    payload.certificate = {};
    CHECK(parse_payload_2(encoded(payload, append_payload_2)));
}

TEST_CASE("payload 3: a certificate of 2,048 bytes and no KEM") {
    const std::string longest(2048, 'c'), too_long(2049, 'c');
    CHECK(parse_payload_3(encoded(Payload3{longest}, append_payload_3)));
    CHECK(code(parse_payload_3(encoded(Payload3{too_long}, append_payload_3))) == Code::protocol);
    const std::string anonymous("\0\0\0", 3);
    CHECK(parse_payload_3(anonymous + extension(9, "")));
    CHECK(code(parse_payload_3(std::string("\1\0\0", 3) + extension(9, ""))) == Code::protocol);
    CHECK(code(parse_payload_3(anonymous + extension(2, kem_value(0x0999, 0)))) == Code::protocol);
}
