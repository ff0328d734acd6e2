// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <http/feed.hpp>

using namespace penstock;
using namespace std::string_view_literals;
using namespace http_test;
using http::Method;
using http::RequestHead;
using http::TargetForm;

namespace {

constexpr std::string_view valid[] = {
    "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /hello/World?greeting=Hi&x HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n",
    "GET /a%20b/..;c/[1]|2?x='y' HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /?a={b}|\\^`c'?:/? HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /notes HTTP/1.1\r\nhost:a\r\ncontent-length:17\r\ncontent-type:x/json\r\n\r\n{\"a\":\"012345678\"}",
    "PUT /in HTTP/1.1\r\nHOST: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n5\r\n",
    "DELETE /x HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
    "HEAD /x HTTP/1.0\r\n\r\n",
    "GET /x HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n",
    "GET /x HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    "PATCH /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
    "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n",
    "TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://A.example:80/b?c HTTP/1.1\r\nHost: a.EXAMPLE:80\r\n\r\n",
    "GET HTTPS://a.example?c HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "M-SEARCH /x HTTP/1.7\r\nHost: a\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\nConnection: ,upgrade,\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nS:  \t \r\nI: \t a \t b\tc \t\r\nX: \xff\xc3\xa4\x80\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a:\r\n!#$%&'*+-.^_`|~0a: odd\r\n\r\n",
};

struct Parsed {
    explicit Parsed(std::string_view text) : bytes(text), parser(limits) {
        const auto end = parser.parse(bytes, head);
        REQUIRE(end);
        REQUIRE(*end != 0);
    }
    std::string bytes;
    http::Limits limits;
    http::RequestParser parser;
    RequestHead head;
};

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"

}  // namespace

TEST_CASE("a request is the same whole, byte by byte and cut anywhere") {
    for (const auto text : valid) {
        CAPTURE(text);
        const auto at_once = request(text, whole());
        CHECK_MESSAGE(at_once.status == 0, at_once.text);
        CHECK(at_once.end == text.find("\r\n\r\n") + 4);
        CHECK(request(text, bytewise()) == at_once);
        for (std::size_t cut = 0; cut <= text.size(); ++cut)
            if (!(request(text, split(cut)) == at_once)) FAIL_CHECK("differs when cut at ", cut);
        for (std::size_t size = 0; size < at_once.end; ++size)
            if (request(text.substr(0, size), whole()).status != -1) FAIL_CHECK("ends early at ", size);
    }
}

TEST_CASE("the request line") {
    const Parsed one("GET /hello/World?greeting=Hi HTTP/1.1\r\nHost: a.example:80\r\nAccept: */*\r\n\r\n");
    CHECK(one.head.method() == Method::get);
    CHECK(one.head.method_text() == "GET");
    CHECK(one.head.target() == "/hello/World?greeting=Hi");
    CHECK(one.head.form() == TargetForm::origin);
    CHECK(one.head.path() == "/hello/World");
    CHECK(one.head.query() == "greeting=Hi");
    CHECK(one.head.host() == "a.example:80");
    CHECK(one.head.version_minor() == 1);
    CHECK(one.head.keep_alive());
    CHECK_FALSE(one.head.has_body());
    CHECK_FALSE(one.head.content_length());
    CHECK_FALSE(one.head.wants_upgrade());

    const Parsed other("M-SEARCH / HTTP/1.9\r\nHost: a\r\n\r\n");
    CHECK(other.head.method() == Method::other);
    CHECK(other.head.method_text() == "M-SEARCH");
    CHECK(other.head.version_minor() == 1);
    CHECK(Parsed("get / HTTP/1.1\r\nHost: a\r\n\r\n").head.method() == Method::other);
    CHECK(Parsed("GETT / HTTP/1.1\r\nHost: a\r\n\r\n").head.method() == Method::other);
}

TEST_CASE("the forms of a target") {
    const Parsed absolute("GET http://A.example:80/b?c HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
    CHECK(absolute.head.form() == TargetForm::absolute);
    CHECK(absolute.head.target() == "http://A.example:80/b?c");
    CHECK(absolute.head.host() == "A.example:80");
    CHECK(absolute.head.path() == "/b");
    CHECK(absolute.head.query() == "c");
    const Parsed bare("GET https://a?c/d HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(bare.head.host() == "a");
    CHECK(bare.head.path() == "/");
    CHECK(bare.head.query() == "c/d");
    CHECK(Parsed("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").head.path() == "*");

    const Parsed asterisk("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(asterisk.head.form() == TargetForm::asterisk);
    CHECK(asterisk.head.path() == "*");
    const Parsed connect("CONNECT a:443 HTTP/1.1\r\nHost: b\r\n\r\n");
    CHECK(connect.head.form() == TargetForm::authority);
    CHECK(connect.head.target() == "a:443");
    CHECK(connect.head.path().empty());
}

TEST_CASE("fields keep their order, are trimmed, and are found in any case") {
    const Parsed one(
        GET "X-Some:  \t a \t b\t \r\nAccept: 1\r\naccept: 2\r\nX-Empty:\r\n^: caret\r\n~: tilde\r\n\r\n");
    const auto& fields = one.head.fields();
    CHECK(describe(fields) == "Host=a\nX-Some=a \t b\nAccept=1\naccept=2\nX-Empty=\n^=caret\n~=tilde\n");
    CHECK(one.head.field("x-sOME") == "a \t b");
    CHECK(one.head.field("ACCEPT") == "1");
    CHECK(one.head.field("x-empty").empty());
    CHECK(fields.has("x-empty"));
    CHECK(fields.has("HOST"));
    CHECK_FALSE(fields.has("x-som"));
    CHECK(one.head.field("x-somf").empty());
    CHECK(one.head.field("~") == "tilde");
    CHECK(one.head.field("^") == "caret");
    CHECK(fields.id(0) == http::FieldId::host);
    CHECK(fields.id(1) == http::FieldId::unknown);
}

TEST_CASE("framing facts") {
    const Parsed length("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n");
    CHECK(length.head.content_length() == 9'999'999'999'999'999'999u);
    CHECK(length.head.has_body());
    CHECK_FALSE(length.head.expects_continue());
    CHECK_FALSE(Parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").head.has_body());
    const Parsed chunked(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nExpect: 100-CONTINUE\r\n\r\n");
    CHECK(chunked.head.is_chunked());
    CHECK(chunked.head.has_body());
    CHECK(chunked.head.expects_continue());
    CHECK_FALSE(chunked.head.content_length());
    CHECK_FALSE(Parsed(GET "Expect: 100-continue\r\n\r\n").head.expects_continue());
    CHECK_FALSE(Parsed("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                    .head.expects_continue());
}

TEST_CASE("how long the connection lives") {
    CHECK(Parsed(GET "\r\n").head.keep_alive());
    CHECK(Parsed(GET "Connection: x, keep-alive\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed(GET "Connection: x ,\tCLOSE\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n").head.keep_alive());
    CHECK(Parsed(GET "Connection: closed\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed("GET / HTTP/1.0\r\n\r\n").head.keep_alive());
    CHECK(Parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive());
    CHECK_FALSE(Parsed("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").head.keep_alive());
}

TEST_CASE("an upgrade needs the field and the option, and HTTP/1.1") {
    CHECK(Parsed(GET "Upgrade: x\r\nConnection: keep-alive, upgrade\r\n\r\n").head.wants_upgrade());
    CHECK_FALSE(Parsed(GET "Upgrade:\r\nConnection: upgrade\r\n\r\n").head.wants_upgrade());
    CHECK_FALSE(Parsed(GET "Upgrade: x\r\n\r\n").head.wants_upgrade());
    CHECK_FALSE(Parsed(GET "Connection: upgrade\r\n\r\n").head.wants_upgrade());
    CHECK_FALSE(Parsed("GET / HTTP/1.0\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").head.wants_upgrade());
}

TEST_CASE("pipelined requests: parser and head are used again, nothing is left over") {
    const std::string text =
        "POST http://b/x?y HTTP/1.0\r\nHost: b\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: c\r\n\r\n";
    http::Limits limits;
    http::RequestParser parser(limits);
    RequestHead head;
    std::string_view rest = text;
    for (int count = 0; count < 3; ++count) {
        CHECK_FALSE(parser.is_started());
        const auto end = parser.parse(rest, head);
        REQUIRE(end);
        REQUIRE(*end != 0);
        CHECK(describe(head) == request(rest, whole()).text);
        rest.remove_prefix(*end);
    }
    CHECK(rest.empty());
    CHECK(*parser.parse(rest, head) == 0);
}

TEST_CASE("a head moves with its bytes") {
    const std::string text(valid[2]);
    http::Limits limits;
    http::RequestParser parser(limits);
    RequestHead head;
    auto first = std::make_unique<std::string>(text);
    REQUIRE(*parser.parse(*first, head) == text.size());
    const auto before = describe(head);
    const auto copy = std::make_unique<std::string>(text);
    RequestHead moved = head;
    first.reset();
    moved.rebase(copy->data());
    CHECK(describe(moved) == before);
}

TEST_CASE("a request has started once its line has") {
    http::Limits limits;
    http::RequestParser parser(limits);
    RequestHead head;
    for (const auto* text : {"", "\r", "\r\n"}) {
        CHECK(*parser.parse(text, head) == 0);
        CHECK_FALSE(parser.is_started());
    }
    CHECK(*parser.parse("\r\nG", head) == 0);
    CHECK(parser.is_started());
}

TEST_CASE("names that frame are recognized in any case, and no other of the same length") {
    for (const std::string_view name :
         {"host", "expect", "upgrade", "connection", "content-length", "transfer-encoding"}) {
        const auto id = [](const std::string& field) {
            const std::string text = field + ": \r\n\r\n";
            http::FieldScanner scanner;
            http::Fields fields;
            fields.rebase(text.data());
            scanner.start(0);
            REQUIRE(*scanner.scan(text, {1000, 10}, fields) == text.size());
            return fields.id(0);
        };
        const auto known = id(std::string(name));
        CHECK(known != http::FieldId::unknown);
        for (std::size_t at = 0; at < name.size(); ++at) {
            std::string other(name);
            other[at] = name[at] == '-' ? '-' : static_cast<char>(name[at] - 0x20);
            CHECK(id(other) == known);
            for (const char c : {'_', '~', '^', '`', '.', '0', name[at] == 'x' ? 'y' : 'x'}) {
                other[at] = c;
                CHECK_MESSAGE(id(other) == http::FieldId::unknown, other);
            }
        }
        CHECK(id(std::string(name) + "s") == http::FieldId::unknown);
        CHECK(id(std::string(name.substr(1))) == http::FieldId::unknown);
    }
}
