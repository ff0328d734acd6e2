// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/log_line.hpp>

#include <doctest/doctest.h>

using namespace penstock;
using core::LogRing;

namespace {

const core::WallTime time_zero{};

/// What the log thread makes of one line.
std::string formatted(std::string_view text, Field a = {}, Field b = {}, Field c = {}, Field d = {}) {
    LogRing ring(0);
    std::string record, out;
    const Field fields[4]{a, b, c, d};
    REQUIRE(core::encode_log_line(ring, LogLevel::info, time_zero, text, fields));
    REQUIRE(ring.take(record, ring.mark()));
    core::append_log_line(out, record, "worker 0");
    return out;
}

std::string xs(std::size_t count) { return std::string(count, 'x'); }

}  // namespace

TEST_CASE("a line has its level, its log's name, its text and its fields") {
    CHECK(formatted("listening") == "info  worker 0: listening");
    CHECK(formatted("accept failed", {"peer", Address("127.0.0.1:80")}, {"errno", Error::os(EMFILE)}) ==
          "info  worker 0: accept failed peer=127.0.0.1:80 errno=\"Too many open files\"");
    CHECK(formatted("x", {"a", true}, {"b", -1}, {"c", 2u}, {"d", 0.5}) ==
          "info  worker 0: x a=true b=-1 c=2 d=0.5");
    CHECK(formatted("x", {"a", {}}, {"b", core::NodeId()}, {"c", 1500us}, {"d", "two words"}) ==
          "info  worker 0: x a=null b=" + std::string(52, 'a') + " c=1.5ms d=\"two words\"");
    CHECK(formatted("x", {}, {"b", 1}) == "info  worker 0: x b=1");  // no name: left out
}

TEST_CASE("level and time come back") {
    LogRing ring(0);
    std::string record, out;
    const core::WallTime time(1'795'514'400'123ms);
    REQUIRE(core::encode_log_line(ring, LogLevel::error, time, "x", {}));
    REQUIRE(ring.take(record, ring.mark()));
    const auto head = core::append_log_line(out, record, "n");
    CHECK(head.level == LogLevel::error);
    CHECK((head.time == time));
    CHECK(out == "error n: x");
}

TEST_CASE("a peer can't forge a line") {
    CHECK(formatted("x\n2026-11-24T10:00:00.000Z info  worker 0: paid") ==
          "info  worker 0: x\\n2026-11-24T10:00:00.000Z info  worker 0: paid");
    CHECK(formatted("x", {"path", "/\r\nerror \"admin\" \x1b[2J"}) ==
          "info  worker 0: x path=\"/\\r\\nerror \\\"admin\\\" \\x1b[2J\"");
    CHECK(formatted("x", {"a\nb", 1}) == "info  worker 0: x a\\nb=1");
    CHECK(formatted("x", {"a", "1 b=2"}) == "info  worker 0: x a=\"1 b=2\"");
}

TEST_CASE("long texts, values and names are cut") {
    const auto most = xs(core::Log::text_bytes_max);
    CHECK(formatted(most) == "info  worker 0: " + most);
    CHECK(formatted(most + "y") == "info  worker 0: " + most + "...");
    CHECK(formatted("t", {"a", most}) == "info  worker 0: t a=" + most);
    CHECK(formatted("t", {"a", most + "y"}, {"b", 1}) == "info  worker 0: t a=" + most + "... b=1");
    const auto longest = xs(core::Log::name_bytes_max);
    CHECK(formatted("t", {longest, 1}) == "info  worker 0: t " + longest + "=1");
    CHECK(formatted("t", {longest + "y", 1}) == "info  worker 0: t " + longest + "...=1");
}

TEST_CASE("a cut leaves whole characters") {
    const auto before = xs(core::Log::text_bytes_max - 2);
    CHECK(formatted(before + "\xe2\x82\xac") == "info  worker 0: " + before + "...");
    CHECK(formatted(before + "\xc3\xa4" + "y") == "info  worker 0: " + before + "\xc3\xa4...");
}

TEST_CASE("the longest line fits into the smallest ring") {
    LogRing ring(0);
    const auto text = xs(5000);
    const Field fields[4]{{text, text}, {text, text}, {text, text}, {text, text}};
    CHECK(core::encode_log_line(ring, LogLevel::info, time_zero, text, fields));
}

TEST_CASE("log levels have names") {
    for (const auto level :
         {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error, LogLevel::off}) {
        const auto parsed = core::parse_log_level(core::name(level));
        REQUIRE(parsed.has_value());
        CHECK(*parsed == level);
    }
    for (const char* text : {"", "Info", "warning", "info ", "0"})
        CHECK_FALSE(core::parse_log_level(text).has_value());
}

TEST_CASE("a log that is made by itself discards everything") {
    Log log;
    log.error("nobody reads this", {"a", 1});
    CHECK_FALSE(log.wants(LogLevel::error));
    CHECK(log.lost() == 0);
}
