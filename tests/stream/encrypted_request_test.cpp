// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/encrypted_request.hpp>

#include <algorithm>

#include <doctest/doctest.h>
#include <stream/parties.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using test::code;
using test::writable;

namespace {

struct Bench {
    crypto::Algorithms algorithms;
    Ciphers ciphers{algorithms};
};

MessageKey key_of(Bench& bench, const test::VectorSet& set, const std::string& request) {
    const auto prefix = parse_request_prefix(request);
    REQUIRE(prefix);
    return request_message_key(bench.algorithms, test::request_key(set), prefix->n, prefix->salt);
}

/// The inner part of a whole request, or its refusal.
Result<std::string> opened(Bench& bench, const MessageKey& key, std::string request) {
    const auto inner = open_request(bench.ciphers, key, writable(request));
    if (!inner) return fail(inner);
    return std::string(Bytes(*inner).text());
}

std::string head(std::string_view method, std::string_view path, std::optional<std::uint64_t> body) {
    std::string out;
    REQUIRE(append_inner_request(out, {method, path}, {}, body));
    return out;
}

Code head_verdict(std::string_view bytes, bool is_streaming = false) {
    return code(parse_inner_request(bytes, is_streaming));
}

/// A head made by hand: whatever it says.
std::string raw_head(int method, std::string_view name, std::string_view path, std::string_view query,
                     const std::vector<std::pair<std::string, std::string>>& fields, std::uint64_t body) {
    std::string out;
    crypto::Writer writer(out);
    writer.u8(static_cast<std::uint8_t>(method));
    if (method == 0) writer.v8(name);
    writer.v16(path).v16(query).u16(static_cast<std::uint16_t>(fields.size()));
    for (const auto& [field, value] : fields) writer.v16(field).v16(value);
    writer.u64(body);
    return out;
}

}  // namespace

TEST_CASE("vectors: whole requests open to their inner parts, and seal to the same bytes") {
    Bench bench;
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        for (const auto* name : {"request", "close_request", "ask_request"}) {
            const auto request = set.bytes(name);
            const auto prefix = parse_request_prefix(request);
            REQUIRE(prefix);
            CHECK(prefix->key_id == set.array<16>("key_id"));
            CHECK(prefix->message_3.text() == (prefix->n == 0 ? set.bytes("message_3") : ""));
            CHECK_FALSE(prefix->is_streaming);
            const auto key = key_of(bench, set, request);
            const auto inner = opened(bench, key, request);
            REQUIRE(inner);
            if (prefix->n == 0) CHECK(*inner == set.bytes("request_inner"));
            const auto parsed = parse_inner_request(*inner, false);
            REQUIRE(parsed);
            CHECK(parsed->method == "POST");
            CHECK(parsed->path == "/stream_ctl");
            CHECK(parsed->body_bytes == inner->size() - parsed->head_bytes);
            std::string again;
            append_request(bench.ciphers, key, *prefix, *inner, again);
            CHECK(test::to_hex(again) == test::to_hex(request));
            CHECK(head("POST", "/stream_ctl", parsed->body_bytes) == inner->substr(0, parsed->head_bytes));
        }
    }
}

TEST_CASE("vectors: a streaming request, sealed and opened record by record, the later ones elsewhere") {
    Bench owner, elsewhere;
    for (const auto& set : test::vector_sets()) {
        auto request = set.bytes("streaming_request");
        const auto parts = set.list("streaming_parts");
        const auto prefix = parse_request_prefix(request);
        REQUIRE(prefix);
        CHECK(prefix->is_streaming);
        const auto key = key_of(owner, set, request);

        std::string again(request.size(), '\0');
        auto room = writable(again);
        MessageSealer sealer(key);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const auto prefix_bytes = i == 0 ? write_request_prefix(*prefix, room) : 0;
            room =
                room.subspan(sealer.seal(owner.ciphers, prefix_bytes, parts[i], i + 1 == parts.size(), room));
        }
        CHECK(room.empty());
        CHECK(sealer.is_done());
        CHECK(again == request);

        MessageOpener first(key), later(key, 1);
        auto prefix_bytes = prefix->bytes();
        std::size_t at = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const auto size = MessageOpener::record_bytes(Bytes(request).from(at + prefix_bytes));
            REQUIRE(size);
            const auto record = writable(request).subspan(at, prefix_bytes + *size);
            const bool is_last = i + 1 == parts.size();
            const auto out =
                (i == 0 ? first : later)
                    .open((i == 0 ? owner : elsewhere).ciphers, prefix_bytes, Bytes(record),
                          is_last ? Behind::nothing : Behind::more, record.subspan(prefix_bytes + 2));
            REQUIRE(out);
            CHECK(Bytes(out->plain).text() == parts[i]);
            CHECK(out->is_final == is_last);
            if (i == 0) {
                const auto parsed = parse_inner_request(Bytes(out->plain), true);
                REQUIRE(parsed);
                CHECK(parsed->path == "/upload");
                CHECK_FALSE(parsed->body_bytes);
                CHECK(Bytes(out->plain).from(parsed->head_bytes).text() == "first ");
            }
            at += record.size();
            prefix_bytes = 0;
        }
        CHECK(later.is_done());
    }
}

TEST_CASE("while nothing is known of what follows a record, both endings are tried") {
    Bench bench;
    const auto& set = test::vector_sets().back();
    const auto request = set.bytes("streaming_request");
    const auto parts = set.list("streaming_parts");
    auto prefix_bytes = parse_request_prefix(request)->bytes();
    MessageOpener opener(key_of(bench, set, request));
    std::array<std::byte, 64> out;
    Bytes rest(request);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto record = rest.first(prefix_bytes + *MessageOpener::record_bytes(rest.from(prefix_bytes)));
        rest = rest.from(record.size());
        const auto result = opener.open(bench.ciphers, prefix_bytes, record, Behind::unknown, out);
        REQUIRE(result);
        CHECK(Bytes(result->plain).text() == parts[i]);
        CHECK(result->is_final == (i + 1 == parts.size()));
        prefix_bytes = 0;
    }
    CHECK(code(opener.open(bench.ciphers, 0, Bytes(request).last(23), Behind::unknown, out)) ==
          Code::protocol);
}

TEST_CASE("every changed byte, and every cut, of a request is refused") {
    Bench bench;
    for (const auto& set : test::vector_sets())
        for (const auto* name : {"request", "streaming_request"}) {
            const auto request = set.bytes(name);
            const auto key = key_of(bench, set, request);
            REQUIRE(opened(bench, key, request));
            for (std::size_t at = 0; at < request.size(); ++at) {
                CHECK_FALSE(opened(bench, key, test::flipped(request, at)));
                CHECK_FALSE(opened(bench, key, request.substr(0, at)));
            }
            CHECK(code(opened(bench, key, request + "x")) != Code::no_error);
            CHECK(code(opened(bench, key, request + request.substr(request.size() - 23))) != Code::no_error);
            // Another salt, or another number, is another key; so are those of the other direction.
            for (const auto at : {20u, 27u, 28u, 43u}) {
                const auto changed = test::flipped(request, at);
                CHECK(code(opened(bench, key_of(bench, set, changed), changed)) == Code::decrypt);
            }
        }
}

TEST_CASE("records cannot be swapped, dropped or repeated, and an end cannot be put elsewhere") {
    Bench bench;
    const auto& set = test::vector_sets().front();
    const auto request = set.bytes("streaming_request");
    const auto key = key_of(bench, set, request);
    const auto start = parse_request_prefix(request)->bytes() + 2 + 28 + 16;
    const auto first = request.substr(0, start), second = request.substr(start, 2 + 7 + 16),
               third = request.substr(start + 25);
    REQUIRE(opened(bench, key, first + second + third));
    for (const auto& bad : {first, first + second, first + third, first + third + second,
                            first + second + second + third, first + second + third + third})
        CHECK_FALSE(opened(bench, key, bad));
}

TEST_CASE("a request prefix: flags, reserved field, message 3, and how much of it is there") {
    RequestPrefix prefix;
    prefix.n = 7;
    const std::string message(message_3_bytes_max, 'm');
    prefix.message_3 = message;
    prefix.closes_key = true;
    std::string bytes(prefix.bytes(), '\0');
    CHECK(write_request_prefix(prefix, writable(bytes)) == bytes.size());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        const auto size = request_prefix_bytes(Bytes(bytes).first(cut));
        REQUIRE(size);
        CHECK(*size == (cut < 46 ? 46 : cut < 48 ? 48 : bytes.size()));
        CHECK(code(parse_request_prefix(Bytes(bytes).first(cut))) == Code::protocol);
    }
    const auto longer = bytes + "more";
    const auto back = parse_request_prefix(longer);
    REQUIRE(back);
    CHECK(back->message_3.text() == message);
    CHECK(back->n == 7);
    CHECK(back->closes_key);
    CHECK_FALSE(back->is_streaming);

    const auto with = [&](std::size_t at, int value) {
        auto out = bytes;
        out[at] = static_cast<char>(value);
        return code(request_prefix_bytes(out));
    };
    CHECK(with(0, 2) == Code::protocol);
    CHECK(with(1, 0x11) == Code::protocol);
    for (const int flag : {1, 16, 32, 64, 128}) CHECK(with(3, flag) == Code::protocol);
    CHECK(with(2, 1) == Code::protocol);
    CHECK(with(45, 1) == Code::protocol);
    CHECK(with(47, 1) == Code::protocol);  // message 3 of 4,097 bytes
    auto empty = bytes.substr(0, 46) + std::string(2, '\0');
    CHECK(code(request_prefix_bytes(empty)) == Code::protocol);
}

TEST_CASE("a record's length is 16 to 16,382") {
    const auto of = [](int high, int low) {
        const std::string bytes{static_cast<char>(high), static_cast<char>(low)};
        return MessageOpener::record_bytes(bytes);
    };
    CHECK(code(of(0, 15)) == Code::protocol);
    CHECK(*of(0, 16) == 18);
    CHECK(*of(0x3F, 0xFE) == 16384);
    CHECK(code(of(0x3F, 0xFF)) == Code::protocol);
    CHECK(*MessageOpener::record_bytes("") == 2);
    CHECK(*MessageOpener::record_bytes("x") == 2);
}

TEST_CASE("long requests take several records, at the edges too, and nothing at all takes one") {
    Bench bench;
    const auto& set = test::vector_sets().front();
    RequestPrefix prefix;
    const auto key = request_message_key(bench.algorithms, test::request_key(set), 0, prefix.salt);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, message_plain_bytes_max,
                                   message_plain_bytes_max + 1, 3 * message_plain_bytes_max}) {
        std::string inner(size, 'x');
        for (std::size_t i = 0; i < size; ++i) inner[i] = static_cast<char>(i * 7);
        std::string request = "before";
        append_request(bench.ciphers, key, prefix, inner, request);
        const auto records = size == 0 ? 1 : (size + message_plain_bytes_max - 1) / message_plain_bytes_max;
        CHECK(request.size() == 6 + 46 + size + records * 18);
        const auto back = opened(bench, key, request.substr(6));
        REQUIRE(back);
        CHECK(*back == inner);
    }
}

TEST_CASE("a head is written and read the same") {
    const InnerField fields[] = {{"accept", "*/*"}, {"x-empty", ""}, {"accept", "text/plain"}};
    std::string bytes;
    REQUIRE(append_inner_request(bytes, {"PROPFIND", "/a%20b/c", "q=1&r"}, fields, 5));
    const auto whole = bytes + "hello";
    const auto parsed = parse_inner_request(whole, false);
    REQUIRE(parsed);
    CHECK(parsed->method == "PROPFIND");
    CHECK(parsed->path == "/a%20b/c");
    CHECK(parsed->query == "q=1&r");
    CHECK(parsed->body_bytes == 5);
    CHECK(parsed->head_bytes == bytes.size());
    CHECK(parsed->fields.size() == 3);
    CHECK(parsed->fields.find("accept") == "*/*");
    CHECK(parsed->fields.find("x-empty") == "");
    CHECK_FALSE(parsed->fields.find("cookie"));
    std::string names;
    for (const auto& field : parsed->fields) names += field.name;
    CHECK(names == "acceptx-emptyaccept");
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        CHECK(head_verdict(Bytes(bytes).first(cut).text()) == Code::protocol);
    for (const auto* method : {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}) {
        const auto each = head(method, "/", std::nullopt);
        CHECK(parse_inner_request(each, true)->method == method);
    }
}

TEST_CASE("hostile heads") {
    constexpr auto open_end = body_until_final;
    const auto good = raw_head(1, "", "/", "", {}, 0);
    CHECK(head_verdict(good) == Code::no_error);
    CHECK(head_verdict(good, true) == Code::protocol);
    CHECK(head_verdict(raw_head(1, "", "/", "", {}, open_end)) == Code::protocol);
    CHECK(head_verdict(raw_head(1, "", "/", "", {}, open_end), true) == Code::no_error);
    CHECK(head_verdict(raw_head(1, "", "/", "", {}, open_end - 1)) == Code::no_error);
    CHECK(head_verdict(raw_head(8, "", "/", "", {}, 0)) == Code::protocol);
    CHECK(head_verdict(raw_head(255, "", "/", "", {}, 0)) == Code::protocol);
    CHECK(head_verdict(raw_head(0, "QUERY", "/", "", {}, 0)) == Code::no_error);
    for (const auto* name : {"", "GET", "CONNECT", "TRACE", "A B", "A\r\n", "G\xC3\xA9T", "A:"})
        CHECK(head_verdict(raw_head(0, name, "/", "", {}, 0)) == Code::protocol);
    for (const auto* query : {"a b", "a#b", "a\nb", "\"", "a\x7F", "\xC3\xA9"})
        CHECK(head_verdict(raw_head(1, "", "/", query, {}, 0)) == Code::protocol);
    std::vector<std::pair<std::string, std::string>> fields(64, {"a", "b"});
    CHECK(head_verdict(raw_head(1, "", "/", "", fields, 0)) == Code::no_error);
    fields.emplace_back("a", "b");
    CHECK(head_verdict(raw_head(1, "", "/", "", fields, 0)) == Code::protocol);
}

TEST_CASE("paths that may not stand inside, however they are written") {
    const auto verdict = [](std::string_view path) { return head_verdict(raw_head(1, "", path, "", {}, 0)); };
    for (const auto* path : {"/", "/stream_ctl", "/encore", "/enc_init2", "/streams", "/a/enc", "/a//b",
                             "/enc/x", "/stream/..", "/enc/../x", "/a/../b/./c", "/%2Fenc", "/...", "/[a]|b"})
        CHECK_MESSAGE(verdict(path) == Code::no_error, path);
    for (const auto* path : {"",
                             "*",
                             "enc",
                             "http://host/",
                             "/enc",
                             "/enc_init",
                             "/stream",
                             "/stream/",
                             "/stream/abc",
                             "/%65nc",
                             "/e%6Ec_init",
                             "/%73tream/x",
                             "/./enc",
                             "/a/../enc",
                             "/a/b/../../stream/x",
                             "/%2e/enc",
                             "/x/%2E%2e/enc",
                             "/enc/.",
                             "/..",
                             "/a/../..",
                             "/a%",
                             "/a%4",
                             "/a%zz",
                             "/a%00",
                             "/a b",
                             "/a?b",
                             "/a#b",
                             "/a\\b",
                             "/a\r\n",
                             "/\xC3\xA9",
                             "/a\x7F"})
        CHECK_MESSAGE(verdict(path) == Code::protocol, path);
    CHECK(verdict(std::string_view("/a\0b", 4)) == Code::protocol);
    std::string out;
    CHECK(code(append_inner_request(out, {"GET", "/enc"}, {}, 0)) == Code::protocol);
    CHECK(code(append_inner_request(out, {"TRACE", "/"}, {}, 0)) == Code::protocol);
    CHECK(code(append_inner_request(out, {"GET", "/", "a b"}, {}, 0)) == Code::protocol);
    CHECK(code(append_inner_request(out, {"GET", "/"}, {}, body_until_final)) == Code::protocol);
    const InnerField bad[] = {{"Host", "x"}};
    CHECK(code(append_inner_request(out, {"GET", "/"}, bad, 0)) == Code::protocol);
    const std::string value(message_plain_bytes_max - 24, 'v');
    const InnerField fits[] = {{"name", value}}, too_long[] = {{"names", value}};
    CHECK(out.empty());
    CHECK(append_inner_request(out, {"GET", "/"}, fits, 0));
    CHECK(out.size() == message_plain_bytes_max);
    out.clear();
    CHECK(code(append_inner_request(out, {"GET", "/"}, too_long, 0)) == Code::protocol);
    CHECK(out.empty());
}

TEST_CASE("fields that may not stand inside") {
    const auto verdict = [](std::string name, std::string value) {
        return head_verdict(raw_head(1, "", "/", "", {{std::move(name), std::move(value)}}, 0));
    };
    for (const auto* name :
         {"accept", "te2", "hosts", "proxy", "x-forwarded", "trailers", "content-type", "a!#$%&'*+-.^_`|~1"})
        CHECK_MESSAGE(verdict(name, "v") == Code::no_error, name);
    for (const auto* name : {"",
                             "Accept",
                             "a b",
                             "a:",
                             "a\r\n",
                             "\xC3\xA9",
                             "connection",
                             "keep-alive",
                             "proxy-",
                             "proxy-connection",
                             "proxy-authorization",
                             "te",
                             "trailer",
                             "transfer-encoding",
                             "upgrade",
                             "content-length",
                             "host",
                             "expect",
                             "forwarded",
                             "x-forwarded-",
                             "x-forwarded-for"})
        CHECK_MESSAGE(verdict(name, "v") == Code::protocol, name);
    CHECK(verdict("a", "") == Code::no_error);
    CHECK(verdict("a", "\xC3\xA9\t ") == Code::no_error);
    CHECK(verdict("a", "b\r") == Code::protocol);
    CHECK(verdict("a", "b\nc") == Code::protocol);
    CHECK(verdict("a", std::string(1, '\0')) == Code::protocol);
}
