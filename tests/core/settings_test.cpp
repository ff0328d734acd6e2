// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/settings.hpp>
#include <penstock/core/settings_text.hpp>

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

using namespace penstock;
using core::SettingFit;
using core::SettingValue;

namespace {

struct ChatSettings {
    bool open = true;
    std::uint32_t history_lines = 100;
    double share = 0.5;
    core::ByteSize line_bytes_max = 4096;
    std::chrono::milliseconds pause = 100ms;
    std::string title = "chat";
    std::vector<std::string> rooms = {"a", "b"};
};
constexpr auto chat_settings = core::table<ChatSettings>(
    "chat",
    {
        {"open", &ChatSettings::open, core::reloadable, "whether newcomers may enter"},
        {"history_lines", &ChatSettings::history_lines, {0, 10'000}, core::reloadable, "lines sent"},
        {"share", &ChatSettings::share, {0.25, 1}, core::at_start, "of the worker's time"},
        {"line_bytes_max", &ChatSettings::line_bytes_max, {16, 65'536}, core::at_start, "longest line"},
        {"pause", &ChatSettings::pause, {10ms, 10s}, core::reloadable, "between two lines"},
        {"title", &ChatSettings::title, {1, 8}, core::reloadable, "shown to newcomers"},
        {"rooms", &ChatSettings::rooms, core::at_start, "that exist from the start"},
    });

SettingFit fit(std::string_view name, const SettingValue& value) {
    ChatSettings settings;
    const core::SettingsSection section(chat_settings, settings);
    return section.row(section.find(name).value()).fit(value);
}

}  // namespace

TEST_CASE("a section shows its rows and reads its struct") {
    ChatSettings settings;
    const core::SettingsSection section(chat_settings, settings);
    CHECK(section.name() == "chat");
    REQUIRE(section.size() == 7);
    CHECK(section.row(1).name == "history_lines");
    CHECK(section.row(1).kind == core::SettingKind::count);
    CHECK(section.row(2).when == core::When::at_start);
    CHECK(section.find("pause") == 4);
    CHECK_FALSE(section.find("paus").has_value());
    const char* shown[] = {"true", "100", "0.5", "\"4KiB\"", "\"100ms\"", "\"chat\"", "[\"a\", \"b\"]"};
    for (std::size_t at = 0; at < section.size(); ++at) {
        CHECK(core::setting_text(section.value(at)) == shown[at]);
        CHECK(section.row(at).fit(section.value(at)) == SettingFit::fits);
    }
}

TEST_CASE("assign writes the struct, or refuses and leaves it alone") {
    ChatSettings settings;
    const core::SettingsSection section(chat_settings, settings);
    const SettingValue values[] = {
        false, 7u, 0.75, core::ByteSize(20), core::Milliseconds(20), "x", std::vector<std::string>{"z"}};
    for (std::size_t at = 0; at < section.size(); ++at) CHECK(section.assign(at, values[at]).has_value());
    CHECK_FALSE(settings.open);
    CHECK(settings.history_lines == 7);
    CHECK(settings.share == 0.75);
    CHECK(settings.line_bytes_max == 20);
    CHECK(settings.pause == 20ms);
    CHECK(settings.title == "x");
    CHECK(settings.rooms == std::vector<std::string>{"z"});
    CHECK_FALSE(section.assign(1, 10'001u).has_value());
    CHECK_FALSE(section.assign(1, core::ByteSize(5)).has_value());
    CHECK(settings.history_lines == 7);
}

TEST_CASE("values fit up to the edges of their range") {
    const auto inf = std::numeric_limits<double>::infinity();
    struct Row {
        const char* name;
        SettingValue value;
        SettingFit fit;
    };
    for (const auto& [name, value, expected] : std::initializer_list<Row>{
             {"open", true, SettingFit::fits},
             {"open", 1u, SettingFit::other_kind},
             {"history_lines", 0u, SettingFit::fits},
             {"history_lines", 10'000u, SettingFit::fits},
             {"history_lines", 10'001u, SettingFit::too_large},
             {"history_lines", true, SettingFit::other_kind},
             {"share", 0.25, SettingFit::fits},
             {"share", 1.0, SettingFit::fits},
             {"share", 0.2499, SettingFit::too_small},
             {"share", 1.0001, SettingFit::too_large},
             {"share", inf, SettingFit::too_large},
             {"share", -inf, SettingFit::too_small},
             {"share", std::nan(""), SettingFit::other_kind},
             {"line_bytes_max", core::ByteSize(16), SettingFit::fits},
             {"line_bytes_max", core::ByteSize(15), SettingFit::too_small},
             {"line_bytes_max", core::ByteSize(65'536), SettingFit::fits},
             {"line_bytes_max", core::ByteSize(65'537), SettingFit::too_large},
             {"pause", core::Milliseconds(10), SettingFit::fits},
             {"pause", core::Milliseconds(9), SettingFit::too_small},
             {"pause", core::Milliseconds(-1), SettingFit::too_small},
             {"pause", core::Milliseconds(10'000), SettingFit::fits},
             {"pause", core::Milliseconds(10'001), SettingFit::too_large},
             {"title", "x", SettingFit::fits},
             {"title", "", SettingFit::too_small},
             {"title", "12345678", SettingFit::fits},
             {"title", "123456789", SettingFit::too_large},
             {"title", "a\nb", SettingFit::unclean},
             {"title", "a\x7f", SettingFit::unclean},
             {"title", "\xc3\xa4", SettingFit::fits},
             {"rooms", std::vector<std::string>{}, SettingFit::fits},
             {"rooms", std::vector<std::string>(core::setting_list_max), SettingFit::fits},
             {"rooms", std::vector<std::string>(core::setting_list_max + 1), SettingFit::too_large},
             {"rooms", std::vector<std::string>{std::string(4096, 'x')}, SettingFit::fits},
             {"rooms", std::vector<std::string>{std::string(4097, 'x')}, SettingFit::too_large},
             {"rooms", std::vector<std::string>{"a", "\t"}, SettingFit::unclean},
         }) {
        CAPTURE(name);
        CAPTURE(core::setting_text(value));
        CHECK(fit(name, value) == expected);
    }
}

TEST_CASE("what changed between two structs") {
    ChatSettings before, after;
    after.share = 0.75;
    after.rooms.push_back("c");
    CHECK(core::changed({chat_settings, before}, {chat_settings, after}) == std::vector<std::size_t>{2, 6});
    CHECK(core::changed({chat_settings, before}, {chat_settings, before}).empty());
}

TEST_CASE("sizes are written with their unit and read back") {
    struct Row {
        std::uint64_t bytes;
        const char* text;
    };
    for (const auto& [bytes, text] : std::initializer_list<Row>{{0, "0B"},
                                                                {1, "1B"},
                                                                {1023, "1023B"},
                                                                {1024, "1KiB"},
                                                                {1025, "1025B"},
                                                                {65'536, "64KiB"},
                                                                {3u << 20, "3MiB"},
                                                                {1u << 30, "1GiB"},
                                                                {std::uint64_t(5) << 40, "5TiB"},
                                                                {UINT64_MAX, "18446744073709551615B"}}) {
        CHECK(core::text(core::ByteSize(bytes)) == text);
        const auto parsed = core::parse_byte_size(text);
        REQUIRE(parsed.has_value());
        CHECK(parsed->bytes == bytes);
    }
    for (const char* text : {"",
                             "B",
                             "KiB",
                             "1",
                             "1024",
                             "1 KiB",
                             "1KiB ",
                             " 1KiB",
                             "1kib",
                             "1KB",
                             "1K",
                             "-1B",
                             "+1B",
                             "1.5KiB",
                             "0x10B",
                             "1e3B",
                             "18446744073709551616B",
                             "16777216TiB",
                             "1KiBKiB",
                             "1KiB1B"}) {
        CAPTURE(text);
        CHECK_FALSE(core::parse_byte_size(text).has_value());
    }
    CHECK(core::parse_byte_size("16777215TiB").has_value());  // the last one below 2^64
}

TEST_CASE("durations are written with their unit and read back") {
    struct Row {
        std::chrono::milliseconds duration;
        const char* text;
    };
    for (const auto& [duration, text] :
         std::initializer_list<Row>{{0ms, "0ms"},
                                    {999ms, "999ms"},
                                    {1s, "1s"},
                                    {1500ms, "1500ms"},
                                    {90s, "90s"},
                                    {5min, "5min"},
                                    {3h, "3h"},
                                    {48h, "2d"},
                                    {std::chrono::milliseconds::max(), "9223372036854775807ms"}}) {
        CHECK(core::text(duration) == text);
        const auto parsed = core::parse_milliseconds(text);
        REQUIRE(parsed.has_value());
        CHECK(parsed->count() == duration.count());
    }
    for (const char* text : {"", "s", "1", "1 s", "1S", "1sec", "1us", "1m", "-1s", "1.5s", "1min30s",
                             "9223372036854775808ms", "9223372036854776s", "99999999999999999999s"}) {
        CAPTURE(text);
        CHECK_FALSE(core::parse_milliseconds(text).has_value());
    }
    CHECK(core::text(-90s) == "-90s");
}
