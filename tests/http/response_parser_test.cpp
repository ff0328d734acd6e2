// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <http/feed.hpp>

using namespace penstock;
using namespace std::string_view_literals;
using namespace http_test;
using http::Method;
using http::ReplyBody;

namespace {

struct Row {
    std::string_view name;
    std::string_view text;
    int status;
};

#define OK "HTTP/1.1 200 OK\r\n"

constexpr Row rows[] = {
    {"nothing", "", -1},
    {"an empty line before", "\r\n" OK "\r\n", 400},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", 0},
    {"HTTP/1.5", "HTTP/1.5 200 OK\r\n\r\n", 0},
    {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", 505},
    {"HTTP/0.9", "<html>", 400},
    {"http/1.1", "http/1.1 200 OK\r\n\r\n", 400},
    {"ICY", "ICY 200 OK\r\n\r\n", 400},
    {"HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n", 400},
    {"two spaces before the code", "HTTP/1.1  200 OK\r\n\r\n", 400},
    {"tab before the code", "HTTP/1.1\t200 OK\r\n\r\n", 400},
    {"no code", "HTTP/1.1 \r\n\r\n", 400},
    {"two digits", "HTTP/1.1 20 OK\r\n\r\n", 400},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n", 400},
    {"a negative code", "HTTP/1.1 -20 OK\r\n\r\n", 400},
    {"status 099", "HTTP/1.1 099 Low\r\n\r\n", 400},
    {"status 100", "HTTP/1.1 100 Continue\r\n\r\n", 0},
    {"status 599", "HTTP/1.1 599 High\r\n\r\n", 0},
    {"status 600", "HTTP/1.1 600 Higher\r\n\r\n", 400},
    {"an empty reason", "HTTP/1.1 200 \r\n\r\n", 0},
    {"no reason, no space", "HTTP/1.1 200\r\n\r\n", 0},
    {"a reason with tab and obs-text", "HTTP/1.1 200 A\tB\xff \r\n\r\n", 0},
    {"tab behind the code", "HTTP/1.1 200\tOK\r\n\r\n", 400},
    {"NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"sv, 400},
    {"DEL in the reason", "HTTP/1.1 200 O\x7f\r\n\r\n", 400},
    {"LF behind the reason", "HTTP/1.1 200 OK\n\r\n", 400},
    {"LF behind the code", "HTTP/1.1 200\n\r\n", 400},
    {"CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", 400},
    {"space before a colon", OK "X : a\r\n\r\n", 400},
    {"a folded line", OK "X: a\r\n b\r\n\r\n", 400},
    {"a folded first line", OK " X: a\r\n\r\n", 400},
    {"no colon", OK "X\r\n\r\n", 400},
    {"LF behind a field", OK "X: a\n\r\n", 400},
    {"NUL in a value", OK "X: \0\r\n\r\n"sv, 400},
    {"length and coding", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"coding and length", OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"two equal lengths", OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"a list of lengths", OK "Content-Length: 5, 5\r\n\r\n", 400},
    {"a negative length", OK "Content-Length: -1\r\n\r\n", 400},
    {"a length of twenty digits", OK "Content-Length: 18446744073709551616\r\n\r\n", 400},
    {"an unknown coding", OK "Transfer-Encoding: gzip\r\n\r\n", 501},
    {"an unknown coding, chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"chunked is not last", OK "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
    {"a coding in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"204 with a length", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", 400},
    {"204 with a length of 0", "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", 0},
    {"204 with a coding", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"101 with a length", "HTTP/1.1 101 Go\r\nContent-Length: 5\r\n\r\n", 400},
    {"101 with a coding", "HTTP/1.1 101 Go\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"304 with a length", "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", 0},
    {"304 with a coding", "HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
    {"Host and Expect mean nothing here", OK "Host: a b\r\nHost: c\r\nExpect: x\r\n\r\n", 0},
    {"a plain one", OK "Content-Length: 13\r\nServer: x\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", 0},
};

struct Parsed {
    explicit Parsed(std::string_view text, Method method = Method::get) : bytes(text), parser(limits) {
        const auto end = parser.parse(bytes, method, head);
        REQUIRE(end);
        REQUIRE(*end == bytes.size());
    }
    std::string bytes;
    http::Limits limits;
    http::ResponseParser parser;
    http::ReplyHead head;
};

}  // namespace

TEST_CASE("responses, good and hostile, are the same whole, byte by byte and cut anywhere") {
    for (const auto& row : rows) {
        CAPTURE(row.name);
        const auto at_once = reply(row.text, whole());
        CHECK_MESSAGE(at_once.status == row.status, at_once.text);
        CHECK(reply(row.text, bytewise()) == at_once);
        for (std::size_t cut = 0; cut <= row.text.size(); ++cut)
            if (!(reply(row.text, split(cut)) == at_once)) FAIL_CHECK("differs when cut at ", cut);
        for (std::size_t size = 0; row.status == 0 && size < row.text.size(); ++size)
            if (reply(row.text.substr(0, size), whole()).status != -1) FAIL_CHECK("ends early at ", size);
    }
}

TEST_CASE("the status line") {
    const Parsed one("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX: y\r\n\r\n");
    CHECK(one.head.status() == 404);
    CHECK(one.head.reason() == "Not Found");
    CHECK(one.head.version_minor() == 1);
    CHECK(one.head.field("x") == "y");
    CHECK_FALSE(one.head.is_interim());
    CHECK(Parsed("HTTP/1.0 200 \r\n\r\n").head.version_minor() == 0);
    CHECK(Parsed("HTTP/1.1 200\r\n\r\n").head.reason().empty());
    CHECK(Parsed("HTTP/1.1 103 x\r\n\r\n").head.is_interim());
}

TEST_CASE("how the body of a response ends") {
    const std::string length = "Content-Length: 5\r\n\r\n", chunked = "Transfer-Encoding: chunked\r\n\r\n";
    CHECK(Parsed(OK + length).head.body() == ReplyBody::length);
    CHECK(Parsed(OK + length).head.content_length() == 5u);
    CHECK(Parsed(OK + chunked).head.body() == ReplyBody::chunked);
    CHECK(Parsed(OK "\r\n").head.body() == ReplyBody::until_close);
    for (const auto& fields : {length, chunked, std::string("\r\n")}) {
        CHECK(Parsed(OK + fields, Method::head).head.body() == ReplyBody::none);
        CHECK(Parsed("HTTP/1.1 304 x\r\n" + fields).head.body() == ReplyBody::none);
        CHECK(Parsed(OK + fields, Method::connect).head.body() == ReplyBody::none);
        CHECK(Parsed("HTTP/1.1 403 x\r\n" + fields, Method::connect).head.body() ==
              Parsed(OK + fields).head.body());
    }
    CHECK(Parsed(OK + length, Method::head).head.content_length() == 5u);
    for (const auto* code : {"100", "101", "102", "199", "204"})
        CHECK(Parsed("HTTP/1.1 " + std::string(code) + " x\r\n\r\n").head.body() == ReplyBody::none);
}

TEST_CASE("whether the connection of a response lives on") {
    CHECK(Parsed(OK "Content-Length: 0\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed(OK "Content-Length: 0\r\nConnection: close\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed(OK "\r\n").head.keep_alive());
    CHECK(Parsed("HTTP/1.1 204 x\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed("HTTP/1.0 204 x\r\n\r\n").head.keep_alive());
    CHECK(Parsed("HTTP/1.0 204 x\r\nConnection: keep-alive\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed("HTTP/1.1 101 x\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed(OK "\r\n", Method::connect).head.keep_alive());
}

TEST_CASE("interim responses are skipped by the caller") {
    const std::string text =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" OK "Content-Length: 1\r\n\r\nx";
    http::Limits limits;
    http::ResponseParser parser(limits);
    http::ReplyHead head;
    std::string_view rest = text;
    int count = 0;
    do {
        CHECK_FALSE(parser.is_started());
        const auto end = parser.parse(rest, Method::post, head);
        REQUIRE(end);
        rest.remove_prefix(*end);
        ++count;
    } while (head.is_interim());
    CHECK(count == 3);
    CHECK(head.status() == 200);
    CHECK_FALSE(head.fields().has("link"));
    CHECK(rest == "x");
}

TEST_CASE("limits of responses at their edge") {
    const auto status = [](const std::string& text, const http::Limits& limits) {
        const auto out = reply(text, whole(), Method::get, limits);
        CHECK(reply(text, bytewise(), Method::get, limits) == out);
        return out.status;
    };
    http::Limits limits;
    for (std::uint32_t limit = 13; limit < 30; ++limit) {
        CAPTURE(limit);
        limits.request_line_bytes_max = limit;
        CHECK(status("HTTP/1.1 200 " + std::string(limit - 13, 'a') + "\r\n\r\n", limits) == 0);
        CHECK(status("HTTP/1.1 200 " + std::string(limit - 12, 'a') + "\r\n\r\n", limits) == 431);
    }
    for (std::uint32_t limit = 0; limit < 13; ++limit) {
        limits.request_line_bytes_max = limit;
        CHECK(status("HTTP/1.1 200 \r\n\r\n", limits) == 431);
    }
    limits = {};
    limits.fields_bytes_max = 8;
    CHECK(status(OK "X: a\r\n\r\n", limits) == 0);
    CHECK(status(OK "X: ab\r\n\r\n", limits) == 431);
    limits = {};
    limits.fields_max = 1;
    CHECK(status(OK "X: a\r\n\r\n", limits) == 0);
    CHECK(status(OK "X: a\r\nX: a\r\n\r\n", limits) == 431);
}
