// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/url.hpp>

#include <string>

#include <doctest/doctest.h>

using namespace penstock;
using http::Url;

TEST_CASE("a URL is split into host, port and target") {
    struct Row {
        const char* text;
        const char* host;
        std::uint16_t port;
        const char* target;
        const char* authority;
    };
    for (const auto& row : std::initializer_list<Row>{
             {"http://127.0.0.1", "127.0.0.1", 80, "/", "127.0.0.1"},
             {"http://127.0.0.1/", "127.0.0.1", 80, "/", "127.0.0.1"},
             {"http://127.0.0.1:80/", "127.0.0.1", 80, "/", "127.0.0.1"},
             {"http://127.0.0.1:/", "127.0.0.1", 80, "/", "127.0.0.1"},
             {"HTTP://localhost:8079/a/b?c=d", "localhost", 8079, "/a/b?c=d", "localhost:8079"},
             {"http://[::1]:1/x", "[::1]", 1, "/x", "[::1]:1"},
             {"http://[::1]", "[::1]", 80, "/", "[::1]"},
             {"http://h?q", "h", 80, "/?q", "h"},
             {"http://h?a?b/c#f", "h", 80, "/?a?b/c", "h"},
             {"http://h#f/g?h@i", "h", 80, "/", "h"},
             {"http://h/a@b:c//d/../e", "h", 80, "/a@b:c//d/../e", "h"},
             {"http://h/%20%ff", "h", 80, "/%20%ff", "h"},
             {"http://h:65535/", "h", 65535, "/", "h:65535"},
             {"http://h:00080/", "h", 80, "/", "h"},
         }) {
        CAPTURE(row.text);
        const auto url = Url::parse(row.text);
        REQUIRE(url);
        CHECK(url->host == row.host);
        CHECK(url->port == row.port);
        CHECK(url->target() == row.target);
        CHECK(url->authority() == row.authority);
    }
}

TEST_CASE("what is no http URL, or could be read as another one, is refused") {
    using namespace std::string_literals;
    for (const auto& text : std::initializer_list<std::string>{"",
                                                               "h",
                                                               "/path",
                                                               "//h/",
                                                               "http:",
                                                               "http:/",
                                                               "http://",
                                                               "http:///path",
                                                               "http://?q",
                                                               "http://#f",
                                                               "https://h/",
                                                               "ftp://h/",
                                                               "http//h/",
                                                               " http://h/",
                                                               "http://h/ ",
                                                               "http://h /",
                                                               "http://h\t/",
                                                               "http://user@h/",
                                                               "http://user:secret@h/",
                                                               "http://h@evil/",
                                                               "http://@h/",
                                                               "http://h:80@evil/",
                                                               "http://h:0/",
                                                               "http://h:65536/",
                                                               "http://h:99999999999999999999/",
                                                               "http://h:-1/",
                                                               "http://h:+80/",
                                                               "http://h:8a/",
                                                               "http://h:80:80/",
                                                               "http://:80/",
                                                               "http://[::1/",
                                                               "http://[]/",
                                                               "http://[::1]x/",
                                                               "http://[::1%251]/",
                                                               "http://[1.2.3.4]/",
                                                               "http://::1/",
                                                               "http://h\\evil/",
                                                               "http://h/a\\b",
                                                               "http://h/a b",
                                                               "http://h/\r\nX: y",
                                                               "http://h/?a b",
                                                               "http://h/?\n",
                                                               "http://h/\x7f",
                                                               "http://h/\xc3\xb6",
                                                               "http://h\xc3\xb6/",
                                                               "http://h%41/",
                                                               "http://h/\0x"s,
                                                               "http://h/?\"",
                                                               "http://h/<>",
                                                               "http://h,g/",
                                                               "http://h;g/"}) {
        CAPTURE(text);
        const auto url = Url::parse(text);
        REQUIRE_FALSE(url);
        CHECK(url.error().domain() == core::Domain::http);
        CHECK(url.error().code() == 400);
        CHECK_FALSE(url.error().message().empty());
    }
}

TEST_CASE("a URL of the longest size is taken, one byte more is refused") {
    const std::string start = "http://h/";
    CHECK(Url::parse(start + std::string(Url::bytes_max - start.size(), 'a')));
    CHECK_FALSE(Url::parse(start + std::string(Url::bytes_max - start.size() + 1, 'a')));
}
