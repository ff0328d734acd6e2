// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <doctest/doctest.h>
#include <http/feed.hpp>

using namespace penstock;
using namespace http_test;

namespace {

/// The same however the bytes arrive.
int status(const std::string& text, const http::Limits& limits = {}) {
    const auto at_once = request(text, whole(), limits);
    CHECK(request(text, split(text.size() - 1), limits) == at_once);
    CHECK(request(text, split(text.size() / 2), limits) == at_once);
    if (text.size() < 2000) CHECK(request(text, bytewise(), limits) == at_once);
    return at_once.status;
}

std::string line_of(std::size_t bytes) {  // a whole request whose first line has so many, without CRLF
    return "GET /" + std::string(bytes - 14, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string fields_of(std::size_t bytes) {  // a whole request whose section has so many
    return "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(bytes - 16, 'a') + "\r\n\r\n";
}

std::string fields_counted(std::size_t count) {
    std::string out = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t at = 1; at < count; ++at) out += "x: y\r\n";
    return out + "\r\n";
}

}  // namespace

TEST_CASE("a request line at its limit") {
    CHECK(status(line_of(16 * 1024)) == 0);
    CHECK(status(line_of(16 * 1024 + 1)) == 414);
    CHECK(status("\r\n" + line_of(16 * 1024)) == 0);
    CHECK(status("\r\n" + line_of(16 * 1024 + 1)) == 414);
    CHECK(status("GET /?" + std::string(20'000, 'a')) == 414);
    for (std::uint32_t limit = 14; limit < 40; ++limit) {
        CAPTURE(limit);
        http::Limits limits;
        limits.request_line_bytes_max = limit;
        CHECK(status(line_of(limit), limits) == 0);
        CHECK(status(line_of(limit + 1), limits) == 414);
    }
}

TEST_CASE("an incomplete request line is refused when it can't end within its limit") {
    http::Limits limits;
    limits.request_line_bytes_max = 20;
    CHECK(status("GET /" + std::string(16, 'a'), limits) == -1);
    CHECK(status("GET /" + std::string(17, 'a'), limits) == 414);
    for (std::uint32_t limit = 0; limit < 14; ++limit) {
        limits.request_line_bytes_max = limit;
        CHECK(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n", limits) == 414);
    }
}

TEST_CASE("a method at its limit") {
    CHECK(status(std::string(32, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
    CHECK(status(std::string(33, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 501);
    http::Limits limits;
    limits.method_bytes_max = 2;
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n", limits) == 501);
    CHECK(status(std::string(33, 'A') + "\x01") == 501);
    CHECK(status(std::string(32, 'A') + "\x01") == 400);
}

TEST_CASE("a field section at its limit") {
    CHECK(status(fields_of(64 * 1024)) == 0);
    CHECK(status(fields_of(64 * 1024 + 1)) == 431);
    CHECK(status(fields_of(64 * 1024 + 2)) == 431);
    http::Limits limits;
    for (std::uint32_t limit = 16; limit < 50; ++limit) {
        CAPTURE(limit);
        limits.fields_bytes_max = limit;
        CHECK(status(fields_of(limit), limits) == 0);
        CHECK(status(fields_of(limit + 1), limits) == 431);
    }
    for (std::uint32_t limit = 0; limit < 11; ++limit) {
        CAPTURE(limit);
        limits.fields_bytes_max = limit;
        CHECK(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n", limits) == 431);
    }
    limits.fields_bytes_max = 11;
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n", limits) == 0);
}

TEST_CASE("what lies behind a limit is not looked at") {
    http::Limits limits;
    limits.fields_bytes_max = 20;
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaa\x01\r\n\r\n", limits) == 400);
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaa\x01\r\n\r\n", limits) == 431);
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(100, '\0'), limits) == 0);
}

TEST_CASE("names at the limit of their counter") {
    http::Limits limits;
    limits.fields_bytes_max = 1 << 20;
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
    CHECK(status(start + std::string(0xFFFF, 'a') + ": b\r\n\r\n", limits) == 0);
    CHECK(status(start + std::string(0x10000, 'a') + ": b\r\n\r\n", limits) == 431);
    CHECK(status(start + std::string(0x10000, 'a') + "\x01", limits) == 431);
    CHECK(status(start + "X: " + std::string(0x20000, 'a') + "\r\n\r\n", limits) == 0);
}

TEST_CASE("a count of fields at its limit") {
    CHECK(status(fields_counted(256)) == 0);
    CHECK(status(fields_counted(257)) == 431);
    http::Limits limits;
    limits.fields_max = 1;
    CHECK(status(fields_counted(1), limits) == 0);
    CHECK(status(fields_counted(2), limits) == 431);
}

TEST_CASE("bytes that arrive one by one are looked at once") {
    // Each of these would take billions of steps if the line so far were read again for each byte.
    const auto begun = std::chrono::steady_clock::now();
    http::Limits limits;
    limits.request_line_bytes_max = limits.fields_bytes_max = limits.method_bytes_max = 1 << 20;
    const std::size_t long_bytes = 200'000;
    const std::string fill(long_bytes, 'a'), start = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (const auto& text :
         {fill, "GET /" + fill, "GET /?" + fill, start + fill.substr(0, 65'000), start + "X: " + fill,
          start + "X:" + std::string(long_bytes, ' '), start + "X:" + std::string(long_bytes, '\t')}) {
        http::RequestParser parser(limits);
        http::RequestHead head;
        for (std::size_t size = 1; size <= text.size(); ++size)
            REQUIRE(*parser.parse(std::string_view(text).substr(0, size), head) == 0);
    }
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
}
