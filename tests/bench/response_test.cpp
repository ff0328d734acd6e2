// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <bench/response.hpp>
#include <doctest/doctest.h>

using penstock::bench::response_bytes;
using penstock::bench::response_head_bytes_max;

namespace {

const std::string good = "HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: 5\r\n\r\nhello";

/// A response of "hello" whose head is `head_bytes` long.
std::string padded(std::size_t head_bytes) {
    const std::string before = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: ", after = "\r\n\r\n";
    return before + std::string(head_bytes - before.size() - after.size(), 'x') + after + "hello";
}

}  // namespace

TEST_CASE("a whole response is as long as it is, and no part of it is whole") {
    CHECK(*response_bytes(good, "hello") == good.size());
    for (std::size_t i = 0; i < good.size(); ++i) {
        const auto part = response_bytes(std::string_view(good).substr(0, i), "hello");
        REQUIRE(part.has_value());
        CHECK(*part == 0);
    }
    CHECK(*response_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "") == 38);
}

TEST_CASE("responses that the load must not count") {
    const char* hostile[] = {
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 2000\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 500",
        "\r\n\r\n",
        "hello",
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellO",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n",
    };
    for (const auto* text : hostile) {
        CAPTURE(text);
        CHECK_FALSE(response_bytes(text, "hello").has_value());
    }
}

TEST_CASE("a response's head ends at its limit") {
    const auto longest = padded(response_head_bytes_max);
    CHECK(*response_bytes(longest, "hello") == longest.size());
    CHECK_FALSE(response_bytes(padded(response_head_bytes_max + 1), "hello").has_value());
    const auto endless = "HTTP/1.1 200 OK\r\nX: " + std::string(response_head_bytes_max, 'x');
    CHECK(*response_bytes(std::string_view(endless).substr(0, response_head_bytes_max), "hello") == 0);
    CHECK_FALSE(response_bytes(std::string_view(endless).substr(0, response_head_bytes_max + 1), "hello"));
}
