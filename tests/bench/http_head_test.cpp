// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <bench/peers/http_head.hpp>
#include <doctest/doctest.h>

using namespace penstock::bench;

namespace {

std::string padded(std::size_t head_bytes) {
    const std::string before = "GET / HTTP/1.1\r\nX: ", after = "\r\n\r\n";
    return before + std::string(head_bytes - before.size() - after.size(), 'x') + after;
}

}  // namespace

TEST_CASE("the minimal parser finds what a peer answers by") {
    Head head;
    const std::string in =
        "POST /a?b HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  3\r\nConnection: Close\r\n\r\nabcGET";
    REQUIRE(parse_head(in, head) == Parsed::whole);
    CHECK(head.method == "POST");
    CHECK(head.target == "/a?b");
    CHECK(head.body_bytes == 3);
    CHECK_FALSE(head.keep_alive);
    CHECK(head.head_bytes == in.size() - 6);
    for (std::size_t i = 0; i < head.head_bytes; ++i) {
        Head part;
        CHECK(parse_head(std::string_view(in).substr(0, i), part) == Parsed::partial);
    }
}

TEST_CASE("heads that the minimal parser refuses") {
    const char* hostile[] = {
        "\r\n",
        "\n",
        "GET / HTTP/1.1\n",
        "GET\r\n",
        "GET /\r\n",
        " / HTTP/1.1\r\n",
        "GET  HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "GET / HTTP/1.1 \r\n",
        "GET / HTTP/1.1\r\nno colon\r\n",
        "GET / HTTP/1.1\r\n: empty\r\n",
        "GET / HTTP/1.1\r\nA: b\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length:\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1 2\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1048577\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
    };
    for (const auto* text : hostile) {
        CAPTURE(text);
        Head head;
        CHECK(parse_head(text, head) == Parsed::bad);
    }
}

TEST_CASE("the minimal parser's limits") {
    Head head;
    CHECK(parse_head(padded(request_head_bytes_max), head) == Parsed::whole);
    CHECK(parse_head(padded(request_head_bytes_max + 1), head) == Parsed::bad);
    const auto endless = padded(request_head_bytes_max * 2);
    CHECK(parse_head(std::string_view(endless).substr(0, request_head_bytes_max), head) == Parsed::partial);
    CHECK(parse_head(std::string_view(endless).substr(0, request_head_bytes_max + 1), head) == Parsed::bad);
    CHECK(parse_head("GET / HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n", head) == Parsed::whole);
}
