// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/detail/dots.hpp>

#include <string>

#include <doctest/doctest.h>

using penstock::config::find_long_key;

namespace {

const std::string long_key = "a.b.c.d.e";

bool has_long_key(std::string_view text) { return find_long_key(text, 4).has_value(); }

}  // namespace

TEST_CASE("a key of too many parts is found, wherever it may stand") {
    for (const std::string before :
         {"", "[", "[[", "x = {", "x = [{y = 1, ", "a.b = 1\n", "x = \"\\\"\"\n",
          "x = \"\"\"\n\\\"\"\" # \"\"\"\n", "x = \"\"\"\"\"\"\n", "x = \"\"\"y\"\"\"\"\"\n", "x = '\\'\n",
          "x = '''\n'' \\'''\n", "# x = \"\"\"\n", "x = \"\"\n", "x = \"unclosed\n", "\xef\xbb\xbf"}) {
        CAPTURE(before);
        CHECK(has_long_key(before + long_key));
        CHECK(has_long_key(before + "a . \"b.c\"\t.'c'. d.e"));
        CHECK_FALSE(has_long_key(before + "a.b.c.d = 1"));
    }
}

TEST_CASE("dots elsewhere are none of its business") {
    for (const std::string& text :
         {std::string(), std::string("."), std::string("[a.b.c.d]\nb.c.d.e = 1"), "a = 1.5 # " + long_key,
          "a = \"" + long_key + '"', "a = '" + long_key + '\'', "a = \"\"\"\n" + long_key + "\n\"\"\"",
          "a = '''\n" + long_key + "\n'''", std::string("a = [1.1, 2.2, 3.3, 4.4, 5.5]"),
          "a = \"\\\"" + long_key + '"', '"' + long_key + "\" = 1", "a = \"" + long_key,
          "a = \"\"\"" + long_key, "a = \"" + long_key + '\\'}) {
        CAPTURE(text);
        CHECK_FALSE(has_long_key(text));
    }
}

TEST_CASE("the place of a long key is told") {
    const auto place = find_long_key("x = 1\n[y]\n\"\xc3\xa4\".b.c = 1", 2);
    REQUIRE(place.has_value());
    CHECK(place->line == 3);
    CHECK(place->column == 6);
}
