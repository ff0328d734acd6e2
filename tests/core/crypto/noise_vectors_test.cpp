// SPDX-License-Identifier: Apache-2.0
// The handshakes, the key schedule and the record keys of tests/vectors.json, all sets.
#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/hash.hpp>
#include <penstock/core/crypto/noise.hpp>
#include <penstock/core/crypto/wire.hpp>

#include <doctest/doctest.h>
#include <support/fixed_random.hpp>
#include <support/vectors.hpp>

using namespace penstock;
using namespace penstock::crypto;
using Role = HandshakeState::Role;
using test::to_hex;
using test::VectorSet;

namespace {

std::span<std::byte> writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

/// Writes on one side, reads on the other, and compares both with what is expected.
void pass(Algorithms& algorithms, HandshakeState& from, HandshakeState& to, const std::string& ephemeral,
          const std::string& payload, const std::string& expected) {
    test::FixedRandom random(ephemeral);
    std::string message(payload.size() + from.overhead_bytes(), '\0');
    REQUIRE(from.write(algorithms, random, payload, writable(message)));
    CHECK(to_hex(message) == to_hex(expected));
    std::string out(expected.size(), '\0');
    const auto size = to.read(algorithms, expected, writable(out));
    REQUIRE(size);
    CHECK(out.substr(0, *size) == payload);
}

std::string prefixed(const std::string& text) {
    std::string out;
    Writer(out).u32(static_cast<std::uint32_t>(text.size())).bytes(text);
    return out;
}

}  // namespace

TEST_CASE("vectors: the handshake of /enc_init and its keys") {
    Algorithms algorithms;
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        constexpr std::size_t client_header = 10, server_header = 7;
        const auto client_hello = set.bytes("client_hello"), server_hello = set.bytes("server_hello");
        const X25519Pair client_static(set.secret("client_static")),
            server_static(set.secret("server_static"));
        const std::array psks{set.secret("network_key"), set.secret("kem_secret")};
        const auto prologue = client_hello.substr(0, client_header);
        HandshakeState client(algorithms, xx_psk0_psk3, set.suite(), Role::initiator,
                              {prologue, psks, &client_static, {}});
        HandshakeState server(algorithms, xx_psk0_psk3, set.suite(), Role::responder,
                              {prologue, psks, &server_static, {}});
        pass(algorithms, client, server, set.bytes("client_ephemeral"), set.bytes("payload_1"),
             client_hello.substr(client_header));
        pass(algorithms, server, client, set.bytes("server_ephemeral"), set.bytes("payload_2"),
             server_hello.substr(server_header));
        pass(algorithms, client, server, "", set.bytes("payload_3"), set.bytes("message_3"));
        for (const auto* side : {&client, &server}) {
            const auto hash = side->hash();
            CHECK(hash == set.array("handshake_hash"));
            const auto keys = side->split(algorithms);
            CHECK(keys.key_1 == set.secret("k1"));
            CHECK(keys.key_2 == set.secret("k2"));
            CHECK(expand_label(algorithms, keys.key_1, "c http", Bytes(hash)) == set.secret("c_http"));
            CHECK(expand_label(algorithms, keys.key_2, "s http", Bytes(hash)) == set.secret("s_http"));
            const auto both = hkdf_extract(algorithms, keys.key_1, keys.key_2);
            CHECK(expand_label(algorithms, both, "exp", Bytes(hash)) == set.secret("exporter"));
        }
        CHECK(*server.remote_static() == client_static.public_key());
        CHECK(*client.remote_static() == server_static.public_key());
    }
}

TEST_CASE("vectors: the session's secret and its attaches") {
    Algorithms algorithms;
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        const auto bound =
            sha256(algorithms, {prefixed(set.bytes("request_inner")), prefixed(set.bytes("response_inner"))});
        const auto session = expand_label(algorithms, set.secret("exporter"), "session", Bytes(bound));
        CHECK(session == set.secret("session_secret"));
        const std::array psks{expand_label(algorithms, session, "attach")};
        CHECK(psks[0] == set.secret("attach_psk"));
        for (const std::string attach : {"attach_1", "attach_2"}) {
            const auto prologue = set.bytes(attach + "_prologue");
            HandshakeState client(algorithms, nn_psk0, set.suite(), Role::initiator,
                                  {prologue, psks, {}, {}});
            HandshakeState server(algorithms, nn_psk0, set.suite(), Role::responder,
                                  {prologue, psks, {}, {}});
            pass(algorithms, client, server, set.bytes(attach + "_client_ephemeral"), "",
                 set.bytes(attach + "_message_1"));
            pass(algorithms, server, client, set.bytes(attach + "_server_ephemeral"), "",
                 set.bytes(attach + "_message_2"));
            for (const auto* side : {&client, &server}) {
                CHECK(side->hash() == set.array(attach + "_hash"));
                const auto keys = side->split(algorithms);
                CHECK(keys.key_1 == set.secret(attach + "_client_key"));
                CHECK(keys.key_2 == set.secret(attach + "_server_key"));
            }
        }
        CHECK(expand_label(algorithms, set.secret("attach_2_client_key"), "hp") ==
              set.secret("udp_hp_key_c2s"));
    }
}

TEST_CASE("vectors: records open under their keys, over one and over 256 key updates") {
    Algorithms algorithms;
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        auto key = set.secret("attach_1_client_key");
        Aead aead(algorithms, set.suite(), key);
        const auto opens = [&](const std::string& record, std::uint64_t count) {
            std::string out(record.size(), '\0');
            return aead.open(counter_nonce(set.suite(), count), Bytes(record).first(4), Bytes(record).from(4),
                             writable(out));
        };
        const auto records = set.list("tcp_records_c2s");
        CHECK(opens(records[0], 0));
        CHECK(opens(records[1], 1));
        CHECK_FALSE(opens(records[1], 0));
        CHECK_FALSE(opens(records[2], 2));
        key = next_key(algorithms, set.suite(), key);
        CHECK(key == set.secret("attach_1_client_key_epoch_1"));
        aead.rekey(key);
        CHECK(opens(records[2], 2));
        for (int i = 1; i < 256; ++i) key = next_key(algorithms, set.suite(), key);
        aead.rekey(key);
        CHECK(opens(set.bytes("tcp_record_c2s_after_256_updates"), 3));
        aead.rekey(set.secret("attach_1_server_key"));
        CHECK(opens(set.bytes("tcp_record_s2c"), 0));
    }
}
