// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/encrypted_response.hpp>
#include <penstock/stream/stream_ctl.hpp>

#include <doctest/doctest.h>
#include <stream/parties.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using test::code;

namespace {

template <class Message>
std::string encoded(const Message& message) {
    std::string out;
    append(out, message);
    return out;
}

std::string request_body(const test::VectorSet& set) {
    const auto inner = set.bytes("request_inner");
    return inner.substr(parse_inner_request(inner, false)->head_bytes);
}
std::string reply_body(const test::VectorSet& set) {
    const auto inner = set.bytes("response_inner");
    return inner.substr(parse_inner_response(inner, false)->head_bytes);
}

OpenRequest simple_request() {
    OpenRequest out;
    out.letters.push_back({.letter = 'C', .params = "params"});
    out.letters.push_back({.letter = 'S', .mode = Mode::latest, .instances_max = 3});
    return out;
}

}  // namespace

TEST_CASE("vectors: open is read and written the same, in both directions") {
    for (const auto& set : test::vector_sets()) {
        const auto body = request_body(set);
        const auto request = parse_control_request(body);
        REQUIRE(request);
        const auto& open = std::get<OpenRequest>(*request);
        CHECK(encoded(open) == body);
        CHECK(open.wants_tcp);
        CHECK(open.wants_udp);
        CHECK_FALSE(open.wants_websocket);
        REQUIRE(open.letters.size() == 2);
        CHECK(open.letters[0].letter == 'C');
        CHECK(open.letters[1].priority == 1);
        CHECK(open.letters[1].weight == 4);
        CHECK(open.connection_window_bytes == 4 << 20);
        CHECK(open.ping == 25s);
        CHECK(open.resume == 120s);

        const auto answer = reply_body(set);
        const auto reply = parse_open_reply(answer);
        REQUIRE(reply);
        CHECK(encoded(*reply) == answer);
        CHECK(reply->session == test::array<16>(set.bytes("attach_1_prologue").substr(17)));
        CHECK(reply->life == 86400s);
        REQUIRE(reply->endpoints.size() == 1);
        CHECK(reply->endpoints[0].transport == Transport::udp);
        CHECK(reply->endpoints[0].host == "127.0.0.1");
        CHECK(reply->endpoints[0].port == 8079);
        CHECK(check(*reply, open));

        const auto session = reply->session;
        CHECK(std::get<AskRequest>(*parse_control_request(encoded(AskRequest{session}))).session == session);
        CHECK(std::get<CloseRequest>(*parse_control_request(encoded(CloseRequest{session}))).session ==
              session);
    }
}

TEST_CASE("stream_ctl: every cut and every byte left over is refused") {
    const auto& set = test::vector_sets().front();
    for (const auto& body : {request_body(set), encoded(AskRequest{}), encoded(CloseRequest{})}) {
        REQUIRE(parse_control_request(body));
        for (std::size_t cut = 0; cut < body.size(); ++cut)
            CHECK(code(parse_control_request(body.substr(0, cut))) == Code::protocol);
        CHECK(code(parse_control_request(body + "x")) == Code::protocol);
    }
    const auto reply = reply_body(set);
    for (std::size_t cut = 0; cut < reply.size(); ++cut)
        CHECK(code(parse_open_reply(reply.substr(0, cut))) == Code::protocol);
    CHECK(code(parse_open_reply(reply + "x")) == Code::protocol);
}

TEST_CASE("hostile opens") {
    const auto verdict = [](const auto& change) {
        auto body = encoded(simple_request());
        change(body);
        return code(parse_control_request(body));
    };
    const auto set = [&](std::size_t at, int value) {
        return verdict([=](std::string& body) { body[at] = static_cast<char>(value); });
    };
    constexpr std::size_t count_at = 36, letter_at = 37, second_at = letter_at + 16 + 6;
    CHECK(set(0, 1) == Code::no_error);
    CHECK(set(0, 2) == Code::protocol);
    CHECK(set(1, 0) == Code::protocol);
    CHECK(set(1, 4) == Code::protocol);
    CHECK(set(3, 7) == Code::no_error);
    CHECK(set(3, 8) == Code::protocol);
    CHECK(set(2, 1) == Code::protocol);
    CHECK(set(count_at, 65) == Code::protocol);
    CHECK(set(count_at, 1) == Code::protocol);
    CHECK(set(letter_at, 0x21) == Code::no_error);
    CHECK(set(letter_at, 0x20) == Code::protocol);
    CHECK(set(letter_at, 0x7E) == Code::no_error);
    CHECK(set(letter_at, 0x7F) == Code::protocol);
    CHECK(set(letter_at, 0xC3) == Code::protocol);
    CHECK(set(second_at, 'C') == Code::protocol);  // twice
    CHECK(set(letter_at + 1, 3) == Code::no_error);
    CHECK(set(letter_at + 1, 4) == Code::protocol);
    CHECK(set(letter_at + 3, 0) == Code::protocol);   // no instance
    CHECK(set(letter_at + 12, 0) == Code::protocol);  // class 0 is the protocol's own
    CHECK(set(letter_at + 12, 3) == Code::no_error);
    CHECK(set(letter_at + 12, 4) == Code::protocol);
    CHECK(set(letter_at + 13, 0) == Code::protocol);
    CHECK(set(letter_at + 13, 16) == Code::no_error);
    CHECK(set(letter_at + 13, 17) == Code::protocol);
    const auto with_record = [&](std::uint32_t bytes) {
        return verdict([=](std::string& body) {
            std::string number;
            crypto::Writer(number).u32(bytes);
            body.replace(body.size() - 14, 4, number);
        });
    };
    CHECK(with_record(2047) == Code::protocol);
    CHECK(with_record(2048) == Code::no_error);
    CHECK(with_record(16384) == Code::no_error);
    CHECK(with_record(16385) == Code::protocol);
    CHECK(verdict([](std::string& body) {
              body.replace(body.size() - 2, 2, std::string("\0\4\x7F\xFF\0\0", 6));
          }) == Code::no_error);
    CHECK(verdict([](std::string& body) {
              body.replace(body.size() - 2, 2, std::string("\0\4\x80\0\0\0", 6));
          }) == Code::protocol);
    OpenRequest most;
    for (int i = 0; i < 64; ++i) most.letters.push_back({.letter = static_cast<char>(0x21 + i)});
    CHECK(parse_control_request(encoded(most)));
}

TEST_CASE("answers: a status alone, refusals, and hostile ones") {
    std::string ok, refused;
    append_status(ok, Code::no_error);
    append_status(refused, Code::no_session);
    CHECK(*parse_status(ok) == Code::no_error);
    CHECK(*parse_status(refused) == Code::no_session);
    CHECK(code(parse_status(refused + "x")) == Code::protocol);
    CHECK(code(parse_status(refused.substr(0, 2))) == Code::protocol);
    CHECK(code(parse_open_reply(refused)) == Code::no_session);
    CHECK(code(parse_open_reply(refused + "x")) == Code::protocol);
    CHECK(code(parse_open_reply(ok)) == Code::protocol);

    OpenReply reply;
    reply.record_bytes_max = 16384;
    reply.letters.push_back({'C', Code::no_error, 1, 1, 1});
    reply.letters.push_back({'S', Code::channel_denied, 0, 0, 0});
    reply.endpoints.push_back({Transport::tcp, "node-1.example", 1, {}});
    const auto good = encoded(reply);
    REQUIRE(parse_open_reply(good));
    const auto with = [&](std::size_t at, int value) {
        auto body = good;
        body[at] = static_cast<char>(value);
        return code(parse_open_reply(body));
    };
    const auto endpoint_at = good.size() - 2 - 19;
    CHECK(with(0, 0) == Code::protocol);
    CHECK(with(4, 8) == Code::protocol);
    CHECK(with(53, 65) == Code::protocol);
    CHECK(with(54, 0x20) == Code::protocol);
    CHECK(with(54, 'S') == Code::protocol);
    CHECK(with(endpoint_at, 2) == Code::no_error);
    CHECK(with(endpoint_at, 0) == Code::protocol);
    CHECK(with(endpoint_at, 3) == Code::protocol);  // UDP without a cid
    CHECK(with(endpoint_at, 4) == Code::protocol);
    CHECK(with(endpoint_at + 2, ' ') == Code::protocol);
    CHECK(with(endpoint_at + 17, 0) == Code::protocol);  // port 0
    for (const auto& bad :
         {Endpoint{Transport::tcp, "", 1, {}}, Endpoint{Transport::tcp, "a", 0, {}},
          Endpoint{Transport::udp, "a", 1, "1234567"}, Endpoint{Transport::tcp, "a", 1, "12345678"}})
        CHECK_FALSE(is_valid(bad));
}

TEST_CASE("limits are the minimum of both sides, and messages fit twice into their window") {
    LetterRequest wanted{
        .letter = 'C', .instances_max = 5, .window_bytes = 1 << 20, .message_bytes_max = 300'000};
    LetterRequest ours{
        .letter = 'C', .instances_max = 3, .window_bytes = 16 << 20, .message_bytes_max = 1 << 30};
    auto reply = grant(wanted, ours);
    CHECK(reply.letter == 'C');
    CHECK(reply.is_granted());
    CHECK(reply.instances_max == 3);
    CHECK(reply.window_bytes == 1 << 20);
    CHECK(reply.message_bytes_max == 300'000);
    wanted.window_bytes = 256 << 10;
    CHECK(grant(wanted, ours).message_bytes_max == 128 << 10);
    wanted.window_bytes = 0xFFFFFFFF;
    CHECK(grant(wanted, ours).window_bytes == 8 << 20);

    OpenRequest request = simple_request(), node;
    request.record_bytes_max = 2048;
    request.resume = 24h;
    request.wants_udp = true;
    node.connection_window_bytes = 0xFFFFFFFF;
    node.resume = 48h;
    auto session = grant(request, node);
    CHECK(session.record_bytes_max == 2048);
    CHECK(session.connection_window_bytes == 4 << 20);
    CHECK(session.resume == 15min);
    CHECK(session.has_tcp);
    CHECK_FALSE(session.has_udp);
    for (const auto& letter : request.letters) session.letters.push_back(grant(letter, letter));
    CHECK(check(session, request));

    const auto verdict = [&](const auto& change) {
        auto bad = session;
        change(bad);
        return code(check(bad, request));
    };
    CHECK(verdict([](OpenReply& r) { r.letters.pop_back(); }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { std::swap(r.letters[0], r.letters[1]); }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.letters[0].window_bytes += 1; }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.letters[0].message_bytes_max += 1; }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.letters[1].instances_max = 4; }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.letters[1].instances_max = 0; }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.letters[1] = {'S', Code::channel_denied}; }) == Code::no_error);
    CHECK(verdict([](OpenReply& r) { r.record_bytes_max += 1; }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.connection_window_bytes += 1; }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.resume = 25h; }) == Code::protocol);
    CHECK(verdict([](OpenReply& r) { r.has_websocket = true; }) == Code::protocol);
}
