// SPDX-License-Identifier: Apache-2.0
// Session secrets and attaches.
#include <penstock/stream/attach.hpp>
#include <penstock/stream/session_keys.hpp>

#include <doctest/doctest.h>
#include <stream/parties.hpp>
#include <support/fixed_random.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using test::code;

namespace {

/// Attach 1 goes over TCP, attach 2 over UDP.
AttachPoint point_of(const test::VectorSet& set, std::uint32_t sequence) {
    const auto prologue = set.bytes("attach_2_prologue");
    AttachPoint out;
    out.session = test::array<16>(prologue.substr(17));
    out.sequence = sequence;
    out.transport = sequence == 1 ? Transport::tcp : Transport::udp;
    out.destination = test::array<8>(prologue.substr(38));
    out.source = test::array<8>(prologue.substr(46));
    return out;
}

struct Attached {
    explicit Attached(const test::VectorSet& set_) : set(set_) {}
    const test::VectorSet& set;
    crypto::Algorithms algorithms;
    core::SeededRandom random{2};

    ServerAttach server(const AttachPoint& point) {
        return {algorithms, set.suite(), set.secret("attach_psk"), point};
    }
};

}  // namespace

TEST_CASE("vectors: the session's secret and the psk of its attaches") {
    crypto::Algorithms algorithms;
    for (const auto& set : test::vector_sets()) {
        const auto secret = session_secret(algorithms, set.secret("exporter"), set.bytes("request_inner"),
                                           set.bytes("response_inner"));
        CHECK(secret == set.secret("session_secret"));
        CHECK(attach_psk(algorithms, secret) == set.secret("attach_psk"));
        // The border between request and reply is part of it.
        CHECK_FALSE(session_secret(algorithms, set.secret("exporter"), "ab", "c") ==
                    session_secret(algorithms, set.secret("exporter"), "a", "bc"));
    }
}

TEST_CASE("vectors: both attaches, both sides") {
    for (const auto& set : test::vector_sets())
        for (const std::uint32_t sequence : {1u, 2u}) {
            CAPTURE(set.name());
            Attached parties(set);
            const auto name = "attach_" + std::to_string(sequence);
            const auto message_1 = set.bytes(name + "_message_1"), message_2 = set.bytes(name + "_message_2");
            const auto point = point_of(set, sequence);
            ClientAttach client(parties.algorithms, set.suite(), set.secret("attach_psk"), point);
            test::FixedRandom client_random(set.bytes(name + "_client_ephemeral")),
                server_random(set.bytes(name + "_server_ephemeral"));
            CHECK(Bytes(client.message_1(client_random)).text() == message_1);
            auto server = parties.server(point);
            REQUIRE(server.read(message_1));
            const auto answer = server.answer(server_random);
            REQUIRE(answer);
            CHECK(Bytes(answer->message_2).text() == message_2);
            const auto keys = client.read(message_2);
            REQUIRE(keys);
            for (const auto* each : {&*keys, &answer->keys}) {
                CHECK(each->client == set.secret(name + "_client_key"));
                CHECK(each->server == set.secret(name + "_server_key"));
            }
        }
}

TEST_CASE("vectors: the lines of attach 1") {
    for (const auto& set : test::vector_sets()) {
        const auto line = set.bytes("attach_1_request_line");
        CHECK(line == "GET /stream/" + id_text(point_of(set, 1).session) + " HTTP/1.1");
        for (const auto* name : {"request", "response"}) {
            const auto field = set.bytes("attach_1_" + std::string(name) + "_field");
            const auto message = set.array<48>(name == std::string_view("request") ? "attach_1_message_1"
                                                                                   : "attach_1_message_2");
            CHECK(field == "Penstock-Attach: " + attach_field_text({1, message}));
            const auto parsed = parse_attach_field(std::string_view(field).substr(17));
            REQUIRE(parsed);
            CHECK(parsed->sequence == 1);
            CHECK(parsed->message == message);
        }
    }
}

TEST_CASE("every changed byte, cut and prologue of an attach is refused with the right code") {
    for (const auto& set : test::vector_sets()) {
        Attached parties(set);
        const auto point = point_of(set, 2);
        const auto message_1 = set.bytes("attach_2_message_1"), message_2 = set.bytes("attach_2_message_2");
        const auto server_verdict = [&](const std::string& message, const AttachPoint& at) {
            return code(parties.server(at).read(message));
        };
        const auto client_verdict = [&](const std::string& message) {
            ClientAttach client(parties.algorithms, set.suite(), set.secret("attach_psk"), point);
            test::FixedRandom random(set.bytes("attach_2_client_ephemeral"));
            client.message_1(random);
            return code(client.read(message));
        };
        CHECK(server_verdict(message_1, point) == Code::no_error);
        CHECK(client_verdict(message_2) == Code::no_error);
        for (std::size_t at = 0; at < 48; ++at) {
            CHECK(server_verdict(test::flipped(message_1, at), point) == Code::no_session);
            CHECK(server_verdict(message_1.substr(0, at), point) == Code::no_session);
            CHECK(client_verdict(test::flipped(message_2, at)) == Code::handshake);
            CHECK(client_verdict(message_2.substr(0, at)) == Code::handshake);
        }
        CHECK(server_verdict(message_1 + "x", point) == Code::no_session);
        CHECK(client_verdict(message_2 + "x") == Code::handshake);
        auto other = point;
        other.sequence = 3;
        CHECK(server_verdict(message_1, other) == Code::no_session);
        other = point;
        other.transport = Transport::tcp;
        CHECK(server_verdict(message_1, other) == Code::no_session);
        other = point;
        other.session[3] ^= 1;
        CHECK(server_verdict(message_1, other) == Code::no_session);
        other = point;
        other.source[7] ^= 1;
        CHECK(server_verdict(message_1, other) == Code::no_session);
        ServerAttach wrong_psk(parties.algorithms, set.suite(), crypto::Secret<32>(), point);
        CHECK(code(wrong_psk.read(message_1)) == Code::no_session);
    }
}

TEST_CASE("the header of an attach is strict") {
    const AttachMessage message{};
    const std::string text(64, 'A');
    CHECK(attach_field_text({4294967295u, message}) == "1.4294967295." + text);
    CHECK(parse_attach_field("1.4294967295." + text)->sequence == 4294967295u);
    CHECK(parse_attach_field("1.10." + text)->sequence == 10);
    for (const auto& bad : {std::string(),
                            std::string("1"),
                            std::string("1."),
                            std::string("1.1"),
                            std::string("1.1."),
                            "1.." + text,
                            "1.0." + text,
                            "1.01." + text,
                            "1.+1." + text,
                            "1.-1." + text,
                            "1. 1." + text,
                            "1.1 ." + text,
                            "1.4294967296." + text,
                            "1.99999999999999999999." + text,
                            "1.0x1." + text,
                            "1.1e1." + text,
                            "2.1." + text,
                            "01.1." + text,
                            " 1.1." + text,
                            "1.1." + text + " ",
                            "1.1." + text + "A",
                            "1.1." + text.substr(1),
                            "1.1." + text.substr(1) + "=",
                            "1.1." + text.substr(1) + "+",
                            "1.1." + text + ".",
                            "1.1.1." + text})
        CHECK_MESSAGE(code(parse_attach_field(bad)) == Code::protocol, bad);
}
