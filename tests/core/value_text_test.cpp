// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/field.hpp>
#include <penstock/core/value_text.hpp>

#include <cerrno>
#include <limits>

#include <doctest/doctest.h>

using namespace penstock;
using namespace std::string_view_literals;
using core::Value;

namespace {

std::string shown(const Value& value) {
    std::string out;
    core::append_value(out, value);
    return out;
}

std::string escaped(std::string_view text) {
    std::string out;
    core::append_escaped(out, text);
    return out;
}

}  // namespace

TEST_CASE("values are shown as a log line has them") {
    const Address address("127.0.0.1:80");
    const core::NodeId id;
    CHECK(shown({}) == "null");
    CHECK(shown(true) == "true");
    CHECK(shown(std::int8_t(-5)) == "-5");
    CHECK(shown(std::uint8_t(200)) == "200");
    CHECK(shown(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(shown(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(shown(0.1) == "0.1");
    CHECK(shown(1.5f) == "1.5");
    CHECK(shown("word") == "word");
    CHECK(shown(static_cast<const char*>(nullptr)) == "null");
    CHECK(shown(std::string("two words")) == "\"two words\"");
    CHECK(shown(""sv) == "\"\"");
    CHECK(shown("a=b") == "\"a=b\"");
    CHECK(shown(address) == "127.0.0.1:80");
    CHECK(shown(id) == std::string(52, 'a'));
    CHECK(shown(Error::os(EPIPE, "send")) == "\"send: Broken pipe\"");
    CHECK(shown(Error()) == "\"no error\"");
}

TEST_CASE("durations are shown in milliseconds, exact to the microsecond") {
    CHECK(shown(0ms) == "0ms");
    CHECK(shown(2s) == "2000ms");
    CHECK(shown(130us) == "0.13ms");
    CHECK(shown(5us) == "0.005ms");
    CHECK(shown(-1500us) == "-1.5ms");
    CHECK(shown(999ns) == "0ms");
    CHECK(shown(std::chrono::hours::max()) == "9223372036854775.807ms");
    CHECK(shown(std::chrono::milliseconds::min()) == "-9223372036854775.808ms");
}

TEST_CASE("what could forge or disturb a line is escaped") {
    CHECK(escaped("plain, text.") == "plain, text.");
    CHECK(escaped("a\nb\r\tc") == "a\\nb\\r\\tc");
    CHECK(escaped("\0\x1b[31m\x7f"sv) == "\\x00\\x1b[31m\\x7f");
    CHECK(escaped("say \"x\\y\"") == "say \\\"x\\\\y\\\"");
    CHECK(escaped("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xb0") == "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xb0");
    CHECK(escaped("\xc2\x85") == "\\xc2\\x85");           // NEL, a C1 control
    CHECK(escaped("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");  // line separator
    CHECK(escaped("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
    CHECK(escaped("\xe2\x81\xa6") == "\\xe2\\x81\\xa6");  // left-to-right isolate
    CHECK(escaped("\xc3(") == "\\xc3(");                  // cut short
}

TEST_CASE("UTF-8 is told from what is none") {
    struct Row {
        std::string_view text;
        std::size_t length;
    };
    for (const auto& [text, length] : std::initializer_list<Row>{
             {"", 0},
             {"a", 1},
             {"\0"sv, 1},
             {"\x7f", 1},
             {"\xc2\x80", 2},
             {"\xdf\xbf", 2},
             {"\xe0\xa0\x80", 3},
             {"\xed\x9f\xbf", 3},
             {"\xee\x80\x80", 3},
             {"\xef\xbf\xbf", 3},
             {"\xf0\x90\x80\x80", 4},
             {"\xf4\x8f\xbf\xbf", 4},
             {"\x80", 0},              // a continuation alone
             {"\xc0\x80", 0},          // NUL in two bytes
             {"\xc1\xbf", 0},          // overlong
             {"\xe0\x9f\xbf", 0},      // overlong
             {"\xed\xa0\x80", 0},      // a surrogate
             {"\xf0\x8f\xbf\xbf", 0},  // overlong
             {"\xf4\x90\x80\x80", 0},  // above U+10FFFF
             {"\xf5\x80\x80\x80", 0},
             {"\xff", 0},
             {"\xc2", 0},  // cut short
             {"\xe2\x82", 0},
             {"\xf0\x9f\x9a", 0},
             {"\xe2\x82(", 0},
             {"\xf0\x9f\x9a(", 0},
         }) {
        CAPTURE(escaped(text));
        CHECK(core::utf8_length(text) == length);
    }
}
