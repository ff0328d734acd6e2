// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/path.hpp>

#include <doctest/doctest.h>

using namespace penstock;
using namespace std::string_view_literals;
using http::normalize_path;
using http::percent_decode;
using http::Plus;

namespace {

struct Row {
    std::string_view path;
    std::string_view expected;  // empty: 400
};

constexpr Row paths[] = {
    {"/", "/"},
    {"/a/b", "/a/b"},
    {"/a/b/", "/a/b/"},
    {"//a", "//a"},
    {"/a//b", "/a//b"},
    {"/a%20b", "/a b"},
    {"/%61", "/a"},
    {"/%C3%A4", "/\xc3\xa4"},
    {"/%41%7E%2d", "/A~-"},
    {"/a%2Fb", "/a%2Fb"},
    {"/a%2fb", "/a%2Fb"},
    {"/a%252Fb", "/a%252Fb"},
    {"/100%25", "/100%25"},
    {"/a+b", "/a+b"},
    {"/.", "/"},
    {"/./", "/"},
    {"/a/.", "/a/"},
    {"/a/./b", "/a/b"},
    {"/a/..", "/"},
    {"/a/../", "/"},
    {"/a/b/../c", "/a/c"},
    {"/a/b/../../c", "/c"},
    {"/a//../b", "/a/b"},
    {"/a/%2e/b", "/a/b"},
    {"/a/%2E%2e/b", "/b"},
    {"/a/.%2e/b", "/b"},
    {"/a/%252e%252e/b", "/a/%252e%252e/b"},
    {"/a/..%2fb", "/a/..%2Fb"},
    {"/.well-known", "/.well-known"},
    {"/...", "/..."},
    {"/..a", "/..a"},
    {"/a..", "/a.."},
    {"/a/..;x/b", "/a/..;x/b"},
    {"", ""},
    {"a", ""},
    {"*", ""},
    {"%2Fa", ""},
    {"/..", ""},
    {"/../a", ""},
    {"/./../a", ""},
    {"/a/../../b", ""},
    {"/a/../..", ""},
    {"/%2e%2e/a", ""},
    {"/%", ""},
    {"/%4", ""},
    {"/%4g", ""},
    {"/%g4", ""},
    {"/%%41", ""},
    {"/% 41", ""},
    {"/%+41", ""},
    {"/%u0041", ""},
    {"/a%00", ""},
    {"/a\0b"sv, ""},
    {"/.\0"sv, ""},
};

}  // namespace

TEST_CASE("paths become normal, or are refused") {
    std::string room;
    for (const auto& row : paths) {
        CAPTURE(row.path);
        const auto out = normalize_path(row.path, room);
        if (row.expected.empty()) {
            REQUIRE_FALSE(out);
            CHECK(out.error().code() == 400);
            continue;
        }
        REQUIRE(out);
        CHECK(*out == row.expected);
        std::string again;
        CHECK(*normalize_path(*out, again) == row.expected);
    }
}

TEST_CASE("a normal path is answered as it is") {
    std::string room;
    const std::string_view path = "/hello/World.txt";
    CHECK(normalize_path(path, room)->data() == path.data());
    CHECK(room.empty());
    CHECK(percent_decode(path, room, Plus::space)->data() == path.data());
}

TEST_CASE("percent decoding") {
    std::string room;
    CHECK(*percent_decode("a%2Fb%25%20+", room) == "a/b% +");
    CHECK(*percent_decode("a%2Fb%25%20+", room, Plus::space) == "a/b%  ");
    CHECK(*percent_decode("+", room, Plus::space) == " ");
    CHECK(*percent_decode("%2B", room, Plus::space) == "+");
    CHECK(*percent_decode("", room) == "");
    for (const auto bad : {"%"sv, "%1"sv, "a%"sv, "%zz"sv, "%1z"sv, "%00"sv, "\0"sv, "a\0+"sv, "%-1"sv})
        CHECK_FALSE(percent_decode(bad, room, Plus::space));
}

TEST_CASE("a segment that was split off is decoded once") {
    std::string room, name;
    const auto path = normalize_path("/files/a%2Fb%252F", room);
    REQUIRE(path);
    CHECK(*percent_decode(path->substr(7), name) == "a/b%2F");
}

TEST_CASE("query parameters") {
    const auto all = [](std::string_view text) {
        std::string out;
        http::Query query(text);
        while (const auto one = query.next())
            out += "[" + std::string(one->name) + ":" + std::string(one->value) + "]";
        return out;
    };
    CHECK(all("") == "");
    CHECK(all("&&") == "");
    CHECK(all("a") == "[a:]");
    CHECK(all("a=") == "[a:]");
    CHECK(all("=b") == "[:b]");
    CHECK(all("a=b=c") == "[a:b=c]");
    CHECK(all("a=1&b=2&a=3&") == "[a:1][b:2][a:3]");
    CHECK(all("a=1;b=2") == "[a:1;b=2]");
    CHECK(all("a%3D=%26") == "[a%3D:%26]");
}

TEST_CASE("a query parameter is found by its decoded name") {
    using http::query_value;
    CHECK(query_value("a=1&b=2&b=3", "b") == "2");
    CHECK(query_value("a=1&b", "b") == "");
    CHECK_FALSE(query_value("a=1", "b"));
    CHECK_FALSE(query_value("ab=1", "a"));
    CHECK_FALSE(query_value("a=1", "ab"));
    CHECK_FALSE(query_value("", ""));
    CHECK(query_value("%61=1", "a") == "1");
    CHECK(query_value("a+b=x%20y", "a b") == "x%20y");
    CHECK(query_value("a%2Bb=1", "a+b") == "1");
    CHECK_FALSE(query_value("%=1", "%"));
    CHECK_FALSE(query_value("%6=1", "a"));
    CHECK_FALSE(query_value("%zz=1&x%", "x"));
    CHECK(query_value("%C3%A4=1", "\xc3\xa4") == "1");
}
