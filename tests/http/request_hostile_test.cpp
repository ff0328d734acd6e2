// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <http/feed.hpp>

using namespace penstock;
using namespace std::string_view_literals;
using namespace http_test;

namespace {

struct Row {
    std::string_view name;
    std::string_view text;
    int status;  // 0: accepted, for what only looks hostile; -1: waits
};

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

constexpr Row line_rows[] = {
    {"nothing", "", -1},
    {"half an empty line", "\r", -1},
    {"one empty line only", "\r\n", -1},
    {"one empty line before", "\r\n" GET "\r\n", 0},
    {"two empty lines before", "\r\n\r\n" GET "\r\n", 400},
    {"LF before", "\n" GET "\r\n", 400},
    {"CR before", "\r" GET "\r\n", 400},
    {"space before", " " GET "\r\n", 400},
    {"space behind the empty line", "\r\n " GET "\r\n", 400},
    {"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv, 400},
    {"NUL first", "\0GET / HTTP/1.1\r\n\r\n"sv, 400},
    {"an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a method with a colon", "GE:T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a method in quotes", "\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a method beyond ASCII", "G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"lower case is another method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"an unknown method", "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"a method without end", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOP", 501},
    {"tab behind the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"two spaces behind the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CR behind the method", "GET\r/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"method alone", "GET\r\nHost: a\r\n\r\n", 400},
    {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"HTTP/0.9 without version", "GET /\r\n", 400},
    {"HTTP/0.9 with a space", "GET / \r\n", 400},
    {"HTTP/0.9 in words", "GET / HTTP/0.9\r\n\r\n", 505},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"HTTP/3.0", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
    {"HTTP/1.2 is answered as 1.1", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 0},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
    {"HTTP/11.1", "GET / HTTP/11.1\r\nHost: a\r\n\r\n", 400},
    {"HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n", 505},
    {"HTTP/1", "GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
    {"HTTP/1.", "GET / HTTP/1.\r\nHost: a\r\n\r\n", 400},
    {"HTTP/1.x", "GET / HTTP/1.x\r\nHost: a\r\n\r\n", 400},
    {"HTTP/-1.1", "GET / HTTP/-1.1\r\nHost: a\r\n\r\n", 400},
    {"http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"HTTPS/1.1", "GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400},
    {"ICE/1.0", "GET / ICE/1.0\r\nHost: a\r\n\r\n", 400},
    {"space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
    {"tab behind the version", "GET / HTTP/1.1\t\r\nHost: a\r\n\r\n", 400},
    {"two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"tab before the version", "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"request line ends in LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"request line ends in CR", "GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
    {"request line ends in CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
    {"a word behind the version", "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", 400},
    {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"sv, 400},
    {"control character in the target", "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"DEL in the target", "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"UTF-8 in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"LF in the target", "GET /a\nb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CR LF in the target", "GET /a\r\nX: b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a fragment in the query", "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a backslash in the path", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a quote in the path", "GET /\"a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a space in the query", "GET /?a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"UTF-8 in the query", "GET /?\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"NUL in the query", "GET /?\0 HTTP/1.1\r\nHost: a\r\n\r\n"sv, 400},
};

constexpr Row form_rows[] = {
    {"relative path", "GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"query alone", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"asterisk in GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"asterisk in OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"asterisk with a query", "OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"two asterisks", "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"authority in GET", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400},
    {"CONNECT to an authority", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 0},
    {"CONNECT to a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT to a URI", "CONNECT http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT with an empty port", "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT to port 0", "CONNECT a:0 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT to port 65536", "CONNECT a:65536 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT with a query", "CONNECT a:80?b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT to an asterisk", "CONNECT * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT with a length", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 400},
    {"CONNECT with a coding", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"absolute", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"absolute, another Host", "GET http://a/b HTTP/1.1\r\nHost: b\r\n\r\n", 400},
    {"absolute without Host", "GET http://a/b HTTP/1.1\r\n\r\n", 400},
    {"absolute with a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute without a host", "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute and nothing more", "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute, its host in the query", "GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute, one slash", "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a scheme in the query", "GET x?http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute with a bad port", "GET http://a:99999/ HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400},
};

constexpr Row host_rows[] = {
    {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"no Host in 1.0", "GET / HTTP/1.0\r\n\r\n", 0},
    {"Host twice", GET "Host: a\r\n\r\n", 400},
    {"Host twice in other cases", GET "hOST: b\r\n\r\n", 400},
    {"Host twice in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"a Host of spaces", "GET / HTTP/1.1\r\nHost:  \t \r\n\r\n", 400},
    {"a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
    {"Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"Host with a scheme", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400},
    {"Host with an escape", "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n", 400},
    {"Host beyond ASCII", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400},
    {"Host without a name", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
    {"Host with a word for a port", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400},
    {"Host with a large port", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400},
    {"Host with a very large port", "GET / HTTP/1.1\r\nHost: a:184467440737095516160\r\n\r\n", 400},
    {"Host with two ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400},
    {"Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"Host with bad IPv6", "GET / HTTP/1.1\r\nHost: [::1::]\r\n\r\n", 400},
    {"Host with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%251]\r\n\r\n", 400},
    {"Host with bare IPv6", "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400},
    {"Host with text behind a bracket", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400},
    {"Host with long IPv6",
     "GET / HTTP/1.1\r\nHost: [00000000000000000000000000000000000000000000000000000::1]\r\n\r\n", 400},
};

constexpr Row field_rows[] = {
    {"space before the colon", GET "X : a\r\n\r\n", 400},
    {"tab before the colon", GET "X\t: a\r\n\r\n", 400},
    {"space before the colon of a length", POST "Content-Length : 5\r\n\r\n", 400},
    {"a folded line", GET "X: a\r\n b\r\n\r\n", 400},
    {"a line folded with tab", GET "X: a\r\n\tb\r\n\r\n", 400},
    {"a folded coding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n", 400},
    {"space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"a line of a space", GET " \r\n\r\n", 400},
    {"no colon", GET "X\r\n\r\n", 400},
    {"an empty name", GET ": a\r\n\r\n", 400},
    {"a name with a slash", GET "X/Y: a\r\n\r\n", 400},
    {"a name in brackets", GET "[X]: a\r\n\r\n", 400},
    {"a name beyond ASCII", GET "X\xc3\xa4: a\r\n\r\n", 400},
    {"NUL in a name", GET "X\0Y: a\r\n\r\n"sv, 400},
    {"DEL in a name", GET "X\x7f: a\r\n\r\n", 400},
    {"NUL in a value", GET "X: a\0b\r\n\r\n"sv, 400},
    {"BEL in a value", GET "X: a\ab\r\n\r\n", 400},
    {"ESC in a value", GET "X: \x1b[1m\r\n\r\n", 400},
    {"DEL in a value", GET "X: a\x7f\r\n\r\n", 400},
    {"vertical tab before a coding",
     POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n",
     400},
    {"LF ends a line", GET "X: a\nY: b\r\n\r\n", 400},
    {"CR in a value", GET "X: a\rb\r\n\r\n", 400},
    {"CR ends a line", GET "X: a\rY: b\r\n\r\n", 400},
    {"CR CR LF", GET "X: a\r\r\n\r\n", 400},
    {"LF ends the head", GET "\n", 400},
    {"CR in the last line", GET "\rX", 400},
    {"LF CR LF", GET "X: a\n\r\n", 400},
    {"an unknown expectation", POST "Expect: 200-ok\r\n\r\n", 417},
    {"an empty expectation", POST "Expect:\r\n\r\n", 417},
    {"an expectation in a list", POST "Expect: 100-continue, x\r\n\r\n", 417},
    {"an unknown expectation in 1.0", "POST / HTTP/1.0\r\nExpect: x\r\n\r\n", 0},
};

constexpr Row framing_rows[] = {
    {"length and coding", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"coding and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"coding and length 0", POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
    {"two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
    {"two equal lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"two equal lengths in 1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"a list of lengths", POST "Content-Length: 5, 5\r\n\r\n", 400},
    {"a list with an empty length", POST "Content-Length: 5,\r\n\r\n", 400},
    {"a positive length", POST "Content-Length: +5\r\n\r\n", 400},
    {"a negative length", POST "Content-Length: -5\r\n\r\n", 400},
    {"a negative zero", POST "Content-Length: -0\r\n\r\n", 400},
    {"a hexadecimal length", POST "Content-Length: 0x5\r\n\r\n", 400},
    {"a length with a letter", POST "Content-Length: 5a\r\n\r\n", 400},
    {"a length with a space", POST "Content-Length: 5 5\r\n\r\n", 400},
    {"a length with an underscore", POST "Content-Length: 5_0\r\n\r\n", 400},
    {"a length with a fraction", POST "Content-Length: 5.0\r\n\r\n", 400},
    {"a length in quotes", POST "Content-Length: \"5\"\r\n\r\n", 400},
    {"an empty length", POST "Content-Length:\r\n\r\n", 400},
    {"a length of spaces", POST "Content-Length:   \r\n\r\n", 400},
    {"a length of 2^64", POST "Content-Length: 18446744073709551616\r\n\r\n", 400},
    {"a length of 2^64 + 5", POST "Content-Length: 18446744073709551621\r\n\r\n", 400},
    {"a length of twenty digits", POST "Content-Length: 00000000000000000005\r\n\r\n", 400},
    {"a length of nineteen digits", POST "Content-Length: 0000000000000000005\r\n\r\n", 0},
    {"a length beyond ASCII", POST "Content-Length: \xd9\xa5\r\n\r\n", 400},
    {"length with an underscore is another field", POST "Content_Length: x\r\n\r\n", 0},
    {"two codings fields", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"chunked, then identity", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400},
    {"chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
    {"chunked is not last", POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
    {"chunked and nothing", POST "Transfer-Encoding: chunked,\r\n\r\n", 400},
    {"nothing and chunked", POST "Transfer-Encoding: ,chunked\r\n\r\n", 400},
    {"an empty coding", POST "Transfer-Encoding:\r\n\r\n", 400},
    {"chunked with parameters", POST "Transfer-Encoding: chunked;a=b\r\n\r\n", 400},
    {"chunked in quotes", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
    {"identity", POST "Transfer-Encoding: identity\r\n\r\n", 501},
    {"gzip", POST "Transfer-Encoding: gzip\r\n\r\n", 501},
    {"gzip with parameters", POST "Transfer-Encoding: gzip;q=\"a\"\r\n\r\n", 501},
    {"gzip and chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {"chunked with a dot", POST "Transfer-Encoding: .chunked\r\n\r\n", 501},
    {"two words", POST "Transfer-Encoding: chunked foo\r\n\r\n", 400},
    {"a coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"an unknown coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
    {"chunked in capitals", POST "TRANSFER-ENCODING: CHUNKED\r\n\r\n", 0},
    {"chunked between spaces", POST "Transfer-Encoding:   chunked  \r\n\r\n", 0},
    {"chunked without spaces", POST "Transfer-Encoding:chunked\r\n\r\n", 0},
    {"tab before chunked", POST "Transfer-Encoding:\tchunked\r\n\r\n", 400},
    {"tab behind chunked", POST "Transfer-Encoding: chunked\t\r\n\r\n", 400},
    {"tab and space behind chunked", POST "Transfer-Encoding: chunked \t \r\n\r\n", 400},
    {"space and tab before chunked", POST "Transfer-Encoding: \t chunked\r\n\r\n", 400},
    {"tab behind a length", POST "Content-Length: 5\t\r\n\r\n", 400},
    {"tab before a length", POST "Content-Length:\t5\r\n\r\n", 400},
};

template <std::size_t N>
void check(const Row (&rows)[N]) {
    for (const auto& row : rows) {
        CAPTURE(row.name);
        const auto at_once = request(row.text, whole());
        CHECK_MESSAGE(at_once.status == row.status, at_once.text);
        CHECK(request(row.text, bytewise()) == at_once);
        for (std::size_t cut = 0; cut <= row.text.size(); ++cut)
            if (!(request(row.text, split(cut)) == at_once)) FAIL_CHECK("differs when cut at ", cut);
    }
}

}  // namespace

TEST_CASE("hostile request lines") { check(line_rows); }
TEST_CASE("hostile request targets") { check(form_rows); }
TEST_CASE("hostile Host fields") { check(host_rows); }
TEST_CASE("hostile fields") { check(field_rows); }
TEST_CASE("hostile framing") { check(framing_rows); }

TEST_CASE("what is wrong is refused with the byte that is wrong") {
    const auto refused_at = [](std::string_view text) {
        http::Limits limits;
        http::RequestParser parser(limits);
        http::RequestHead head;
        std::size_t size = 1;
        while (size <= text.size() && parser.parse(text.substr(0, size), head)) ++size;
        return size;
    };
    CHECK(refused_at("\x16\x03\x01") == 1);
    CHECK(refused_at("GET  / HTTP/1.1") == 5);
    CHECK(refused_at("GET / HTTP/2.0") == 12);
    CHECK(refused_at("GET / SIP") == 7);
    CHECK(refused_at(GET "X :") == sizeof(GET) + 1);
    CHECK(refused_at(GET "X: a\n") == sizeof(GET) + 4);
}
