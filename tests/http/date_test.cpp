// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/date.hpp>

#include <string>

#include <doctest/doctest.h>

using namespace penstock;
using namespace std::chrono;
using core::WallTime;
using http::parse_date;

namespace {

std::string text(WallTime time) {
    const auto out = http::date_text(time);
    return {out.data(), out.size()};
}

constexpr WallTime now = sys_days(2026y / 6 / 15);
constexpr WallTime classic = sys_days(1994y / 11 / 6) + hours(8) + minutes(49) + seconds(37);

}  // namespace

TEST_CASE("a date is written in 29 bytes") {
    CHECK(text(classic) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(text(classic + milliseconds(999)) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(text(WallTime()) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(text(WallTime() - milliseconds(1)) == "Wed, 31 Dec 1969 23:59:59 GMT");
    CHECK(text(sys_days(2024y / 2 / 29) + hours(23)) == "Thu, 29 Feb 2024 23:00:00 GMT");
}

TEST_CASE("what is written is read back") {
    for (auto time = WallTime(sys_days(1700y / 1 / 1)); time < WallTime(sys_days(2250y / 1 / 1));
         time += hours(24 * 37) + seconds(3671))
        if (parse_date(text(time), now) != time) FAIL_CHECK(text(time));
}

TEST_CASE("the three forms of a date") {
    CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == classic);
    CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == classic);
    CHECK(parse_date("Sun Nov  6 08:49:37 1994", now) == classic);
    CHECK(parse_date("Wed Nov 16 08:49:37 1994", now) == classic + days(10));
    CHECK(parse_date("Sun, 06 Nov 1994 08:49:60 GMT", now) == classic + seconds(23));
}

TEST_CASE("a year of two digits lies near now") {
    const auto year_of = [](const char* text, WallTime today) {
        const auto time = parse_date(text, today);
        REQUIRE(time);
        return static_cast<int>(year_month_day(floor<days>(*time)).year());
    };
    CHECK(year_of("Monday, 01-Jan-26 00:00:00 GMT", now) == 2026);
    CHECK(year_of("Monday, 01-Jan-76 00:00:00 GMT", now) == 2076);
    CHECK(year_of("Monday, 01-Jan-77 00:00:00 GMT", now) == 1977);
    CHECK(year_of("Monday, 01-Jan-99 00:00:00 GMT", now) == 1999);
    CHECK(year_of("Monday, 01-Jan-00 00:00:00 GMT", now) == 2000);
    const WallTime late = sys_days(2090y / 1 / 1);
    CHECK(year_of("Monday, 01-Jan-10 00:00:00 GMT", late) == 2110);
    CHECK(year_of("Monday, 01-Jan-41 00:00:00 GMT", late) == 2041);
}

TEST_CASE("years that a clock can't hold become the nearest") {
    CHECK(text(*parse_date("Fri, 31 Dec 9999 23:59:59 GMT", now)) == "Tue, 31 Dec 2261 23:59:59 GMT");
    CHECK(text(*parse_date("Tue, 31 Dec 2261 23:59:59 GMT", now)) == "Tue, 31 Dec 2261 23:59:59 GMT");
    CHECK(text(*parse_date("Tue, 31 Dec 2261 23:59:60 GMT", now)) == "Tue, 31 Dec 2261 23:59:59 GMT");
    CHECK(text(*parse_date("Wed, 01 Jan 2262 00:00:00 GMT", now)) == "Tue, 31 Dec 2261 23:59:59 GMT");
    CHECK(text(*parse_date("Sat, 01 Jan 0001 00:00:00 GMT", now)) == "Sat, 01 Jan 1678 00:00:00 GMT");
}

TEST_CASE("what is no date") {
    for (const auto* bad : {"",
                            "0",
                            "Sun",
                            "Sun,",
                            "Sun, 06 Nov 1994",
                            "Sun, 06 Nov 1994 08:49:37",
                            "Sun, 06 Nov 1994 08:49:37 UTC",
                            "Sun, 06 Nov 1994 08:49:37 gmt",
                            "Sun, 06 Nov 1994 08:49:37 GMT ",
                            " Sun, 06 Nov 1994 08:49:37 GMT",
                            "sun, 06 Nov 1994 08:49:37 GMT",
                            "Sun, 06 nov 1994 08:49:37 GMT",
                            "Sun, 6 Nov 1994 08:49:37 GMT",
                            "Sun, 06 Nov 94 08:49:37 GMT",
                            "Sun, 06 Nov 1994 24:00:00 GMT",
                            "Sun, 06 Nov 1994 08:60:37 GMT",
                            "Sun, 06 Nov 1994 08:49:61 GMT",
                            "Sun, 31 Nov 1994 08:49:37 GMT",
                            "Sun, 00 Nov 1994 08:49:37 GMT",
                            "Wed, 29 Feb 2023 00:00:00 GMT",
                            "Sun, -6 Nov 1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 08:49: 7 GMT",
                            "Sunday, 06 Nov 1994 08:49:37 GMT",
                            "Sunday, 06-Nov-1994 08:49:37 GMT",
                            "Sun, 06-Nov-94 08:49:37 GMT",
                            "Sundae, 06-Nov-94 08:49:37 GMT",
                            "Sun Nov 6 08:49:37 1994",
                            "Sun Nov  6 08:49:37 94",
                            "Sun Nov  6 08:49:37 1994 GMT",
                            "Sun Nov 06 08:49:37",
                            "1994-11-06T08:49:37Z"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_date(bad, now));
    }
}
