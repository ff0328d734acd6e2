// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/noise.hpp>

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using namespace penstock::crypto;
using Fault = HandshakeState::Fault;
using Role = HandshakeState::Role;

namespace {

std::span<std::byte> writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

constexpr std::array both{Suite::aes_gcm, Suite::chacha_poly};

Secret<32> psk(std::uint8_t value) {
    Secret<32> out;
    out.data()[0] = value;
    return out;
}

/// Two parties that can shake hands, and what the tests do with them.
struct Parties {
    Algorithms algorithms;
    core::SeededRandom random{5};
    X25519Pair client_static = X25519Pair::make(random), server_static = X25519Pair::make(random);
    std::vector<Secret<32>> psks{psk(1), psk(2)};
    Suite suite = Suite::aes_gcm;
    Pattern pattern = xx_psk0_psk3;

    HandshakeState client() { return client(psks); }
    HandshakeState client(const std::vector<Secret<32>>& with) {
        HandshakeSetup setup{"prologue", with, &client_static, {}};
        if (pattern.responder_is_known) setup.remote_static = server_static.public_key();
        return HandshakeState(algorithms, pattern, suite, Role::initiator, setup);
    }
    HandshakeState server(Bytes prologue = "prologue") {
        HandshakeSetup setup{prologue, psks, &server_static, {}};
        if (pattern.initiator_is_known) setup.remote_static = client_static.public_key();
        return HandshakeState(algorithms, pattern, suite, Role::responder, setup);
    }

    std::string write(HandshakeState& from, const std::string& payload) {
        std::string out(payload.size() + from.overhead_bytes(), '\0');
        const auto size = from.write(algorithms, random, payload, writable(out));
        REQUIRE(size);
        CHECK(*size == out.size());
        return out;
    }
    std::string read(HandshakeState& to, const std::string& message) {
        std::string out(message.size(), '\0');
        const auto size = to.read(algorithms, message, writable(out));
        REQUIRE(size);
        return out.substr(0, *size);
    }
    /// `none` if it was read after all.
    Fault refusal(HandshakeState to, const std::string& message) {
        std::string out(message.size(), '\0');
        const auto size = to.read(algorithms, message, writable(out));
        CHECK((size || is(size.error(), Code::handshake)));
        return to.fault();
    }
};

/// The state before each message, and the messages.
struct Course {
    explicit Course(Parties& parties)
        : server_1(parties.server()), client_2(parties.client()), server_3(server_1) {
        message_1 = parties.write(client_2, "one");
        parties.read(server_3, message_1);
        message_2 = parties.write(server_3, "two");
        auto client_3 = client_2;
        parties.read(client_3, message_2);
        message_3 = parties.write(client_3, "three");
    }
    HandshakeState server_1, client_2, server_3;
    std::string message_1, message_2, message_3;
};

}  // namespace

TEST_CASE("every pattern comes to one hash and one pair of keys on both sides") {
    for (const auto suite : both)
        for (const auto* name : {"N",           "K",
                                 "X",           "NN",
                                 "NK",          "NX",
                                 "XN",          "XK",
                                 "XX",          "KN",
                                 "KK",          "KX",
                                 "IN",          "IK",
                                 "IX",          "Npsk0",
                                 "Xpsk1",       "NNpsk0",
                                 "NNpsk2",      "NKpsk0",
                                 "XXpsk3",      "XXpsk0+psk3",
                                 "XKpsk3",      "KKpsk2",
                                 "IKpsk1+psk2", "XXpsk0+psk1+psk2+psk3"}) {
            CAPTURE(name);
            Parties parties;
            parties.suite = suite;
            parties.pattern = *parse_pattern(name);
            parties.psks.assign(parties.pattern.psk_count(), psk(9));
            auto client = parties.client(), server = parties.server();
            for (std::size_t i = 0; i < parties.pattern.message_count(); ++i) {
                auto& from = i % 2 == 0 ? client : server;
                auto& to = i % 2 == 0 ? server : client;
                CHECK(from.is_my_turn());
                CHECK_FALSE(to.is_my_turn());
                CHECK(parties.read(to, parties.write(from, "payload")) == "payload");
            }
            REQUIRE(client.is_done());
            REQUIRE(server.is_done());
            CHECK(client.hash() == server.hash());
            const auto keys = client.split(parties.algorithms), same = server.split(parties.algorithms);
            CHECK(keys.key_1 == same.key_1);
            CHECK(keys.key_2 == same.key_2);
            CHECK_FALSE(keys.key_1 == keys.key_2);
            if (server.remote_static()) CHECK(*server.remote_static() == parties.client_static.public_key());
            if (client.remote_static()) CHECK(*client.remote_static() == parties.server_static.public_key());
        }
}

TEST_CASE("every changed byte and every cut is refused, for the reason that comes first") {
    for (const auto suite : both) {
        Parties parties;
        parties.suite = suite;
        const Course course(parties);
        CHECK(parties.refusal(course.server_1, course.message_1) == Fault::none);
        CHECK(parties.refusal(course.client_2, course.message_2) == Fault::none);
        CHECK(parties.refusal(course.server_3, course.message_3) == Fault::none);
        for (std::size_t i = 0; i < course.message_1.size(); ++i) {
            CHECK(parties.refusal(course.server_1, test::flipped(course.message_1, i)) == Fault::payload_tag);
            CHECK(parties.refusal(course.server_1, course.message_1.substr(0, i)) ==
                  (i < 48 ? Fault::length : Fault::payload_tag));
        }
        // e, s with its tag, payload with its tag
        for (std::size_t i = 0; i < course.message_2.size(); ++i) {
            CHECK(parties.refusal(course.client_2, test::flipped(course.message_2, i)) ==
                  (i < 80 ? Fault::static_tag : Fault::payload_tag));
            CHECK(parties.refusal(course.client_2, course.message_2.substr(0, i)) ==
                  (i < 96 ? Fault::length : Fault::payload_tag));
        }
        for (std::size_t i = 0; i < course.message_3.size(); ++i) {
            CHECK(parties.refusal(course.server_3, test::flipped(course.message_3, i)) ==
                  (i < 48 ? Fault::static_tag : Fault::payload_tag));
            CHECK(parties.refusal(course.server_3, course.message_3.substr(0, i)) ==
                  (i < 64 ? Fault::length : Fault::payload_tag));
        }
        CHECK(parties.refusal(parties.server("Prologue"), course.message_1) == Fault::payload_tag);
    }
}

TEST_CASE("a wrong psk 0 is found by message 1, a wrong psk 3 by the payload of message 3") {
    Parties parties;
    auto stranger = parties.client({psk(7), psk(2)});
    CHECK(parties.refusal(parties.server(), parties.write(stranger, "")) == Fault::payload_tag);

    auto client = parties.client({psk(1), psk(7)});
    auto server = parties.server();
    parties.read(server, parties.write(client, ""));
    parties.read(client, parties.write(server, ""));
    CHECK(parties.refusal(server, parties.write(client, "")) == Fault::payload_tag);
}

TEST_CASE("message 3 can be tried on copies until a good one comes") {
    Parties parties;
    Course course(parties);
    for (int tries = 0; tries < 3; ++tries) {
        auto copy = course.server_3;
        CHECK(parties.refusal(copy, test::flipped(course.message_3, 1)) == Fault::static_tag);
    }
    CHECK(parties.read(course.server_3, course.message_3) == "three");
    CHECK(course.server_3.is_done());
    CHECK(course.server_3.fault() == Fault::none);
}

TEST_CASE("a key of small order is refused when it would be used") {
    Parties parties;
    // A client that knows psk 0 and sends zeros as its ephemeral key.
    SymmetricState state(parties.algorithms, "Noise_XXpsk0+psk3_25519_AESGCM_SHA256", Suite::aes_gcm);
    const std::string zeros(32, '\0');
    state.mix_hash(parties.algorithms, "prologue");
    state.mix_key_and_hash(parties.algorithms, parties.psks[0]);
    state.mix_hash(parties.algorithms, zeros);
    state.mix_key(parties.algorithms, zeros);
    std::string tag(tag_bytes, '\0');
    state.encrypt_and_hash(parties.algorithms, {}, writable(tag));

    auto server = parties.server();
    CHECK(parties.read(server, zeros + tag).empty());
    std::string out(server.overhead_bytes(), '\0');
    const auto written = server.write(parties.algorithms, parties.random, {}, writable(out));
    REQUIRE_FALSE(written);
    CHECK(is(written.error(), Code::handshake));
    CHECK(server.fault() == Fault::dh);
}

TEST_CASE("a message has up to 65,535 bytes") {
    Parties parties;
    auto client = parties.client();
    const auto most = HandshakeState::message_bytes_max - client.overhead_bytes();
    auto other = client;
    const std::string payload(most, 'p'), longer(most + 1, 'p');
    const auto message = parties.write(client, payload);
    CHECK(message.size() == 65535);
    auto server = parties.server();
    CHECK(parties.read(server, message) == payload);
    std::string out(70000, '\0');
    CHECK_FALSE(other.write(parties.algorithms, parties.random, longer, writable(out)));
    CHECK(other.fault() == Fault::length);
    CHECK(parties.refusal(parties.server(), message + "x") == Fault::length);
}

TEST_CASE("a cipher state counts what it opened, and goes on after another key") {
    Algorithms algorithms;
    for (const auto suite : both) {
        CipherState sender(suite, psk(3)), receiver(suite, psk(3));
        std::string sealed(5 + tag_bytes, '\0'), out(5, '\0');
        for (int i = 0; i < 4; ++i) {
            sender.encrypt(algorithms, "ad", "hello", writable(sealed));
            CHECK_FALSE(receiver.decrypt(algorithms, "ad", test::flipped(sealed, 0), writable(out)));
            REQUIRE(receiver.decrypt(algorithms, "ad", sealed, writable(out)));
            CHECK(out == "hello");
            CHECK_FALSE(receiver.decrypt(algorithms, "ad", sealed, writable(out)));  // it counts
            if (i == 1) sender.rekey(algorithms), receiver.rekey(algorithms);
        }
    }
}
