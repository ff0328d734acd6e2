// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/json.hpp>

#include <charconv>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

using namespace penstock;
using namespace std::string_view_literals;
using core::json_object;
using core::JsonWriter;

namespace {

std::string text(std::string_view in) {
    std::string out;
    core::append_json_text(out, in);
    return out;
}

}  // namespace

TEST_CASE("objects and arrays nest") {
    std::string out = "json: ";
    JsonWriter json(out);
    CHECK_FALSE(json.is_whole());
    json.object().field("id", 7).array("letters").value("C").value("F").end();
    json.object("empty").end().array("none").end();
    json.array("mixed").object().fields({{"a", 1}, {"b", {}}}).end().array().end().value(true).end();
    CHECK_FALSE(json.is_whole());
    json.end();
    CHECK(json.is_whole());
    CHECK(out ==
          "json: {\"id\":7,\"letters\":[\"C\",\"F\"],\"empty\":{},\"none\":[],"
          "\"mixed\":[{\"a\":1,\"b\":null},[],true]}");
}

TEST_CASE("one value is JSON, too") {
    std::string out;
    JsonWriter json(out);
    json.value("x");
    CHECK(json.is_whole());
    CHECK(out == "\"x\"");
}

TEST_CASE("every kind of value has its form") {
    const Address address("[::1]:80");
    CHECK(json_object({}) == "{}");
    CHECK(json_object({{"a", false}, {"b", -1}, {"c", UINT64_MAX}, {"d", 0.1}}) ==
          "{\"a\":false,\"b\":-1,\"c\":18446744073709551615,\"d\":0.1}");
    CHECK(json_object({{"a", address}, {"b", core::NodeId()}, {"c", Error::user(1, "no")}, {"d", 1500us}}) ==
          "{\"a\":\"[::1]:80\",\"b\":\"" + std::string(52, 'a') + "\",\"c\":\"no\",\"d\":1.5}");
}

TEST_CASE("doubles read back as the same number, what is none is null") {
    for (const double value : {0.0, -0.0, 0.1, 1.0 / 3, 1e300, 5e-324, -123456789.125,
                               std::numeric_limits<double>::max(), 9007199254740993.0}) {
        std::string out;
        JsonWriter(out).value(value);
        CAPTURE(out);
        double back = 1;
        const auto end = std::from_chars(out.data(), out.data() + out.size(), back).ptr;
        CHECK(end == out.data() + out.size());
        CHECK(back == value);
        CHECK(std::signbit(back) == std::signbit(value));
    }
    const auto inf = std::numeric_limits<double>::infinity();
    CHECK(json_object({{"a", std::nan("")}, {"b", inf}, {"c", -inf}}) ==
          "{\"a\":null,\"b\":null,\"c\":null}");
}

TEST_CASE("text is escaped, and what is no UTF-8 replaced") {
    CHECK(text("") == "\"\"");
    CHECK(text("a\"b\\c/d") == "\"a\\\"b\\\\c/d\"");
    CHECK(text("\b\f\n\r\t\0\x01\x1f\x7f"sv) == "\"\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7f\"");
    CHECK(text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xb0!") == "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xb0!\"");
    CHECK(text("a\xff\"") == "\"a\xef\xbf\xbd\\\"\"");
    CHECK(text("\xe2\x82") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK(text("\xed\xa0\x80") == "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");  // a surrogate
    CHECK(json_object({{"na\"me", 1}}) == "{\"na\\\"me\":1}");
}

TEST_CASE("depth goes to its limit") {
    std::string out;
    JsonWriter json(out);
    for (unsigned i = 0; i < JsonWriter::depth_max; ++i) json.array();
    for (unsigned i = 0; i < JsonWriter::depth_max; ++i) json.end();
    CHECK(json.is_whole());
    CHECK(out.size() == 2 * JsonWriter::depth_max);
}
