// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/encrypted_response.hpp>

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

    /// The inner part of a whole response to the request whose salt stands at its 28th byte, or its refusal.
    Result<std::string> opened(const test::VectorSet& set, const std::string& request, std::string response) {
        const auto salt = test::array<16>(request.substr(28));
        const auto n = static_cast<std::uint64_t>(request[27]);
        const auto inner =
            open_response(algorithms, ciphers, test::request_key(set), n, salt, writable(response));
        if (!inner) return fail(inner);
        return std::string(Bytes(*inner).text());
    }
};

}  // namespace

TEST_CASE("vectors: whole and streamed responses open, and seal to the same bytes") {
    Bench bench;
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        const auto response = set.bytes("response"), request = set.bytes("request");
        const auto inner = bench.opened(set, request, response);
        REQUIRE(inner);
        CHECK(*inner == set.bytes("response_inner"));
        const auto prefix = parse_response_prefix(response);
        REQUIRE(prefix);
        const auto key = response_message_key(bench.algorithms, test::request_key(set), prefix->n,
                                              test::array<16>(request.substr(28)), prefix->salt);
        std::string again;
        append_response(bench.ciphers, key, *prefix, *inner, again);
        CHECK(again == response);
        const auto head = parse_inner_response(*inner, false);
        REQUIRE(head);
        CHECK(head->status == 200);
        CHECK(head->body_bytes == inner->size() - head->head_bytes);

        const auto streaming = set.bytes("streaming_response");
        const auto parts = set.list("streaming_response_parts");
        const auto all = bench.opened(set, set.bytes("streaming_request"), streaming);
        REQUIRE(all);
        CHECK(*all == parts[0] + parts[1]);
        CHECK(parse_response_prefix(streaming)->is_streaming);
        CHECK(parse_inner_response(*all, true));
    }
}

TEST_CASE("every changed byte, and every cut, of a response is refused, and so is one to another request") {
    Bench bench;
    for (const auto& set : test::vector_sets()) {
        const auto request = set.bytes("request");
        for (const auto* name : {"response", "streaming_response"}) {
            const auto& its = name == std::string_view("response") ? request : set.bytes("streaming_request");
            const auto response = set.bytes(name);
            REQUIRE(bench.opened(set, its, response));
            for (std::size_t at = 0; at < response.size(); ++at) {
                CHECK_FALSE(bench.opened(set, its, test::flipped(response, at)));
                CHECK_FALSE(bench.opened(set, its, response.substr(0, at)));
            }
            CHECK_FALSE(bench.opened(set, its, response + "x"));
            CHECK(code(bench.opened(set, test::flipped(its, 30), response)) == Code::decrypt);
            CHECK(code(bench.opened(set, test::flipped(its, 27), response)) == Code::protocol);
        }
    }
}

TEST_CASE("a response's prefix and head, and hostile ones") {
    ResponsePrefix prefix{5, {}, true};
    std::string bytes(28, '\0');
    CHECK(write_response_prefix(prefix, writable(bytes)) == 28);
    REQUIRE(parse_response_prefix(bytes));
    CHECK(parse_response_prefix(bytes)->n == 5);
    for (std::size_t cut = 0; cut < 28; ++cut)
        CHECK(code(parse_response_prefix(bytes.substr(0, cut))) == Code::protocol);
    for (const std::size_t at : {0u, 1u, 2u, 3u})
        CHECK(code(parse_response_prefix(test::flipped(bytes, at))) == Code::protocol);

    const InnerField fields[] = {{"content-type", "text/plain"}};
    std::string head;
    REQUIRE(append_inner_response(head, 404, fields, 3));
    const auto whole = head + "abc";
    const auto parsed = parse_inner_response(whole, false);
    REQUIRE(parsed);
    CHECK(parsed->status == 404);
    CHECK(parsed->fields.find("content-type") == "text/plain");
    CHECK(parsed->head_bytes == head.size());
    for (std::size_t cut = 0; cut < head.size(); ++cut)
        CHECK(code(parse_inner_response(head.substr(0, cut), false)) == Code::protocol);
    CHECK(code(parse_inner_response(head, true)) == Code::protocol);
    for (const std::uint16_t status : {0, 100, 101, 199, 600, 65535}) {
        std::string out;
        CHECK(code(append_inner_response(out, status, {}, 0)) == Code::protocol);
        crypto::Writer(out).u16(status).u16(0).u64(0);
        CHECK(code(parse_inner_response(out, false)) == Code::protocol);
    }
    std::string out;
    CHECK(append_inner_response(out, 200, {}, std::nullopt));
    CHECK(append_inner_response(out, 599, {}, 0));
    const InnerField host[] = {{"host", "x"}};
    CHECK(code(append_inner_response(out, 200, host, 0)) == Code::protocol);
    CHECK(code(append_inner_response(out, 200, {}, body_until_final)) == Code::protocol);
}
