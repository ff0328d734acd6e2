// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/chunked.hpp>

#include <doctest/doctest.h>
#include <http/feed.hpp>

using namespace penstock;
using namespace std::string_view_literals;
using namespace http_test;
using http::ChunkedReader;

namespace {

struct Body {
    int status = -1;  // 0: complete; -1: needs more; else of the error
    std::size_t taken = 0;
    std::string data;
    std::string trailers;

    friend bool operator==(const Body&, const Body&) = default;
};

/// Feeds `text` in pieces of `step` bytes, the first of them `first`.
Body read(std::string_view text, std::size_t step = std::string_view::npos, std::size_t first = 0,
          const http::Limits& limits = {}) {
    ChunkedReader reader(limits);
    Body out;
    while (out.taken < text.size()) {
        const auto size = first != 0 && out.taken < first ? first - out.taken : step;
        const Arrived arrived(text.substr(out.taken, size));
        auto in = arrived.view();
        while (!in.empty()) {
            const auto piece = reader.next(in);
            if (!piece) return {piece.error().code(), 0, {}, piece.error().message()};
            if (piece->taken == 0) {
                REQUIRE(reader.is_complete());
                break;
            }
            REQUIRE(piece->data.size() <= piece->taken);
            if (!piece->data.empty())
                REQUIRE(piece->data.data() + piece->data.size() == in.data() + piece->taken);
            out.data += piece->data;
            out.taken += piece->taken;
            in.remove_prefix(piece->taken);
        }
        if (reader.is_complete()) {
            out.status = 0;
            out.trailers = describe(reader.trailers());
            return out;
        }
    }
    return out;
}

struct Row {
    std::string_view name;
    std::string_view text;
    int status;
};

constexpr Row hostile[] = {
    {"nothing", "", -1},
    {"no size", "\r\n", 400},
    {"no size, an extension", ";a\r\n", 400},
    {"space before the size", " 5\r\nhello\r\n0\r\n\r\n", 400},
    {"space behind the size", "5 \r\nhello\r\n0\r\n\r\n", 400},
    {"tab behind the size", "5\t\r\nhello\r\n0\r\n\r\n", 400},
    {"space before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n", 400},
    {"a positive size", "+5\r\nhello\r\n0\r\n\r\n", 400},
    {"a negative size", "-5\r\nhello\r\n0\r\n\r\n", 400},
    {"0x", "0x5\r\nhello\r\n0\r\n\r\n", 400},
    {"a letter behind F", "g\r\n", 400},
    {"an underscore", "5_0\r\n", 400},
    {"a comma", "5,5\r\n", 400},
    {"NUL in the size", "5\0\r\n"sv, 400},
    {"a size of 2^63", "8000000000000000\r\n", 400},
    {"a size of 2^63 - 1", "7fffffffffffffff\r\n", -1},
    {"a size of 2^64", "10000000000000000\r\n", 400},
    {"a size of 2^64 + 5", "10000000000000005\r\nhello\r\n0\r\n\r\n", 400},
    {"sixteen digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", 0},
    {"seventeen digits", "00000000000000005\r\nhello\r\n0\r\n\r\n", 400},
    {"LF behind the size", "5\nhello\r\n0\r\n\r\n", 400},
    {"CR behind the size", "5\rhello\r\n0\r\n\r\n", 400},
    {"CR CR LF behind the size", "5\r\r\nhello\r\n0\r\n\r\n", 400},
    {"LF in an extension", "5;a\nhello\r\n0\r\n\r\n", 400},
    {"CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", 400},
    {"NUL in an extension", "5;a\0\r\nhello\r\n0\r\n\r\n"sv, 400},
    {"DEL in an extension", "5;a\x7f\r\nhello\r\n0\r\n\r\n", 400},
    {"LF in a quoted extension", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", 400},
    {"data too long", "5\r\nhello!\r\n0\r\n\r\n", 400},
    {"data too short", "5\r\nhell\r\n0\r\n\r\n", 400},
    {"LF behind the data", "5\r\nhello\n0\r\n\r\n", 400},
    {"CR behind the data", "5\r\nhello\r0\r\n\r\n", 400},
    {"nothing behind the data", "5\r\nhello0\r\n\r\n", 400},
    {"two CRLF behind the data", "5\r\nhello\r\n\r\n0\r\n\r\n", 400},
    {"LF behind the last chunk", "0\n\r\n", 400},
    {"LF as the last line", "0\r\n\n", 400},
    {"CR as the last line", "0\r\n\rX", 400},
    {"no last line", "0\r\n", -1},
    {"half a last line", "0\r\n\r", -1},
    {"a next request instead of the last line", "0\r\nGET / HTTP/1.1\r\n\r\n", 400},
    {"a trailer of a space", "0\r\n \r\n\r\n", 400},
    {"a folded trailer", "0\r\nX: a\r\n b\r\n\r\n", 400},
    {"space before a trailer's colon", "0\r\nX : a\r\n\r\n", 400},
    {"LF behind a trailer", "0\r\nX: a\n\r\n", 400},
    {"NUL in a trailer", "0\r\nX: \0\r\n\r\n"sv, 400},
    {"Content-Length in the trailers", "0\r\nContent-Length: 5\r\n\r\n", 400},
    {"Transfer-Encoding in the trailers", "0\r\ntransfer-encoding: chunked\r\n\r\n", 400},
    {"Host in the trailers", "0\r\nX: a\r\nHOST: a\r\n\r\n", 400},
    {"Connection in the trailers", "0\r\nConnection: close\r\n\r\n", 400},
};

struct Good {
    std::string_view text;
    std::string_view data;
    std::string_view trailers;
};

constexpr Good good[] = {
    {"0\r\n\r\n", "", ""},
    {"000\r\n\r\n", "", ""},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"5\r\nhello\r\nA\r\n, world!\r\n\r\n0\r\n\r\n", "hello, world!\r\n", ""},
    {"1;a\r\nx\r\n1;a=b;c=\"d;\\\"\"\r\ny\r\n1; a = b\r\nz\r\n0;last\r\n\r\n", "xyz", ""},
    {"00f\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n0\r\n\r\n0\r\n\r\n", ""},
    {"3\r\nabc\r\n0\r\nDigest: x\r\nx-two:\t y \r\n\r\n", "abc", "Digest=x\nx-two=y\n"},
    {"0\r\nAuthorization: x\r\nX: y\r\nIf-Match: z\r\nset-cookie: a\r\nIf: kept\r\n\r\n", "",
     "X=y\nIf=kept\n"},
};

}  // namespace

TEST_CASE("hostile chunks") {
    for (const auto& row : hostile) {
        CAPTURE(row.name);
        const auto at_once = read(row.text);
        CHECK_MESSAGE(at_once.status == row.status, at_once.trailers);
        for (std::size_t step = 1; step < 4; ++step) CHECK(read(row.text, step) == at_once);
        for (std::size_t cut = 1; cut < row.text.size(); ++cut)
            if (!(read(row.text, std::string_view::npos, cut) == at_once))
                FAIL_CHECK("differs when cut at ", cut);
    }
}

TEST_CASE("a chunked body is the same whole, byte by byte and cut anywhere, what follows is left alone") {
    for (const auto& row : good) {
        CAPTURE(row.text);
        const auto text = std::string(row.text) + "GET / HTTP/1.1\r\n";
        const Body expected{0, row.text.size(), std::string(row.data), std::string(row.trailers)};
        CHECK(read(text) == expected);
        CHECK(read(text, 1) == expected);
        for (std::size_t cut = 1; cut < text.size(); ++cut)
            if (!(read(text, std::string_view::npos, cut) == expected))
                FAIL_CHECK("differs when cut at ", cut);
        for (std::size_t size = 0; size < row.text.size(); ++size)
            if (read(row.text.substr(0, size)).status != -1) FAIL_CHECK("ends early at ", size);
    }
}

TEST_CASE("data are views of the input") {
    http::Limits limits;
    ChunkedReader reader(limits);
    const std::string_view in = "5\r\nhello\r\n0\r\n\r\n";
    const auto piece = reader.next(in);
    REQUIRE(piece);
    CHECK(piece->data.data() == in.data() + 3);
    CHECK(piece->taken == 8);
    const auto rest = reader.next(in.substr(8));
    REQUIRE(rest);
    CHECK(rest->taken == 7);
    CHECK(reader.is_complete());
    CHECK(reader.next("x")->taken == 0);
}

TEST_CASE("a reader is used again") {
    http::Limits limits;
    ChunkedReader reader(limits);
    for (int count = 0; count < 3; ++count) {
        std::string_view in = "1;abc\r\nx\r\n0\r\nX: y\r\n\r\n";
        while (!in.empty()) in.remove_prefix(reader.next(in)->taken);
        CHECK(reader.is_complete());
        CHECK(describe(reader.trailers()) == "X=y\n");
        reader.reset();
        CHECK(reader.trailers().empty());
        CHECK_FALSE(reader.is_complete());
    }
}

TEST_CASE("limits of chunks at their edge") {
    const auto status = [](const std::string& text, const http::Limits& limits) {
        const auto out = read(text, std::string_view::npos, 0, limits);
        CHECK(read(text, 1, 0, limits) == out);
        return out.status;
    };
    http::Limits limits;
    limits.chunk_line_bytes_max = 10;
    CHECK(status("5;aaaaaaaa\r\nhello\r\n0\r\n\r\n", limits) == 0);
    CHECK(status("5;aaaaaaaaa\r\nhello\r\n0\r\n\r\n", limits) == 400);
    CHECK(status("0000000000\r\n\r\n", limits) == 0);
    CHECK(status("00000000000\r\n\r\n", limits) == 400);

    limits = {};
    limits.chunk_extensions_bytes_max = 6;
    CHECK(status("1;a\r\nx\r\n1;a\r\ny\r\n0;a\r\n\r\n", limits) == 0);
    CHECK(status("1;a\r\nx\r\n1;a\r\ny\r\n0;ab\r\n\r\n", limits) == 400);

    limits = {};
    limits.trailers_bytes_max = 8;
    CHECK(status("0\r\nX: a\r\n\r\n", limits) == 0);
    CHECK(status("0\r\nX: ab\r\n\r\n", limits) == 431);
    CHECK(status("0\r\nX: abcdefghijkl", limits) == 431);

    limits = {};
    limits.trailers_max = 2;
    CHECK(status("0\r\nX: a\r\nX: a\r\n\r\n", limits) == 0);
    CHECK(status("0\r\nX: a\r\nX: a\r\nX: a\r\n\r\n", limits) == 431);

    const http::Limits defaults;
    CHECK(status("1;" + std::string(defaults.chunk_line_bytes_max - 2, 'a') + "\r\nx\r\n0\r\n\r\n",
                 defaults) == 0);
    CHECK(status("1;" + std::string(defaults.chunk_line_bytes_max - 1, 'a'), defaults) == 400);
    const auto value = std::string(defaults.trailers_bytes_max - 7, 'a');
    CHECK(status("0\r\nX: " + value + "\r\n\r\n", defaults) == 0);
    CHECK(status("0\r\nX: " + value + "a\r\n\r\n", defaults) == 431);
}
