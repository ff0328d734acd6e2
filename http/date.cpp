// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/date.hpp>

#include <algorithm>
#include <chrono>

namespace penstock::http {
namespace {

using namespace std::chrono;

constexpr std::string_view weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};
constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr int year_min = 1678, year_max = 2261;

/// Cuts pieces off the front; once one does not fit, `failed` stays.
struct Reader {
    std::string_view rest;
    bool failed = false;

    void literal(std::string_view text) {
        if (rest.starts_with(text))
            rest.remove_prefix(text.size());
        else
            failed = true;
    }
    int number(std::size_t digits) {
        int out = 0;
        if (rest.size() < digits) failed = true;
        for (std::size_t at = 0; at < digits && !failed; ++at) {
            if (rest[at] < '0' || rest[at] > '9') failed = true;
            out = out * 10 + (rest[at] - '0');
        }
        if (!failed) rest.remove_prefix(digits);
        return out;
    }
    unsigned month() {
        for (unsigned at = 0; at < 12; ++at) {
            if (!rest.starts_with(months.substr(at * 3, 3))) continue;
            rest.remove_prefix(3);
            return at + 1;
        }
        failed = true;
        return 1;
    }
};

struct Parts {
    int year = 0;
    unsigned month = 1;
    int day = 0;
    int hour = 0, minute = 0, second = 0;
};

void read_time(Reader& reader, Parts& out) {
    out.hour = reader.number(2);
    reader.literal(":");
    out.minute = reader.number(2);
    reader.literal(":");
    out.second = reader.number(2);
    if (out.hour > 23 || out.minute > 59 || out.second > 60) reader.failed = true;
}

/// A two-digit year within the fifty years after `now`, else the latest before.
int century_year(int two_digits, core::WallTime now) {
    const int current = static_cast<int>(year_month_day(floor<days>(now)).year());
    const int year = current - current % 100 + two_digits;
    if (year > current + 50) return year - 100;
    return year <= current - 50 ? year + 100 : year;
}

void read_imf(Reader& reader, Parts& out) {
    reader.literal(", ");
    out.day = reader.number(2);
    reader.literal(" ");
    out.month = reader.month();
    reader.literal(" ");
    out.year = reader.number(4);
    reader.literal(" ");
    read_time(reader, out);
    reader.literal(" GMT");
}

void read_rfc850(Reader& reader, Parts& out, core::WallTime now) {
    reader.literal(", ");
    out.day = reader.number(2);
    reader.literal("-");
    out.month = reader.month();
    reader.literal("-");
    out.year = century_year(reader.number(2), now);
    reader.literal(" ");
    read_time(reader, out);
    reader.literal(" GMT");
}

void read_asctime(Reader& reader, Parts& out) {
    reader.literal(" ");
    out.month = reader.month();
    reader.literal(" ");
    if (reader.rest.starts_with(' ')) {
        reader.literal(" ");
        out.day = reader.number(1);
    } else {
        out.day = reader.number(2);
    }
    reader.literal(" ");
    read_time(reader, out);
    reader.literal(" ");
    out.year = reader.number(4);
}

void put_number(char* at, unsigned number, int digits) {
    for (; digits > 0; --digits, number /= 10) at[digits - 1] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::array<char, date_bytes> date_text(core::WallTime time) {
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(floor<seconds>(time - day));
    std::array<char, date_bytes> out;
    std::string_view("ddd, 00 mmm 0000 00:00:00 GMT").copy(out.data(), out.size());
    weekdays[weekday(day).c_encoding()].copy(out.data(), 3);
    put_number(&out[5], static_cast<unsigned>(date.day()), 2);
    months.copy(&out[8], 3, (static_cast<unsigned>(date.month()) - 1) * 3);
    put_number(&out[12], static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_number(&out[17], static_cast<unsigned>(clock.hours().count()), 2);
    put_number(&out[20], static_cast<unsigned>(clock.minutes().count()), 2);
    put_number(&out[23], static_cast<unsigned>(clock.seconds().count()), 2);
    return out;
}

std::optional<core::WallTime> parse_date(std::string_view text, core::WallTime now) {
    const auto* const day_name =
        std::find_if(std::begin(weekdays), std::end(weekdays),
                     [&](std::string_view one) { return text.starts_with(one.substr(0, 3)); });
    if (day_name == std::end(weekdays)) return {};
    Reader reader{text};
    Parts out;
    if (text.starts_with(*day_name)) {
        reader.rest.remove_prefix(day_name->size());
        read_rfc850(reader, out, now);
    } else {
        reader.rest.remove_prefix(3);
        if (reader.rest.starts_with(','))
            read_imf(reader, out);
        else
            read_asctime(reader, out);
    }
    if (reader.failed || !reader.rest.empty()) return {};
    const year_month_day date(year(out.year), month(out.month), day(static_cast<unsigned>(out.day)));
    if (!date.ok()) return {};
    const sys_seconds time = sys_days(date) + hours(out.hour) + minutes(out.minute) + seconds(out.second);
    return std::clamp<sys_seconds>(time, sys_days(year(year_min) / 1 / 1),
                                   sys_days(year(year_max + 1) / 1 / 1) - seconds(1));
}

}  // namespace penstock::http
