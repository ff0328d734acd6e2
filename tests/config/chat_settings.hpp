// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/settings.hpp>

// Two tables with every kind of setting, for the tests of the loader.

namespace penstock::config {

struct ChatSettings {
    bool open = true;
    std::uint32_t history_lines = 100;
    double share = 0.5;
    core::ByteSize line_bytes_max = 4096;
    std::chrono::milliseconds pause = 100ms;
    std::string title = "chat \"one\"";
    std::vector<std::string> rooms = {"a", "b"};

    bool operator==(const ChatSettings&) const = default;
};
inline constexpr auto chat_settings = core::table<ChatSettings>(
    "chat",
    {
        {"open", &ChatSettings::open, core::reloadable, "whether newcomers may enter"},
        {"history_lines", &ChatSettings::history_lines, {1, 10'000}, core::reloadable, "lines to a newcomer"},
        {"share", &ChatSettings::share, {0.25, 1}, core::at_start, "of the worker's time"},
        {"line_bytes_max", &ChatSettings::line_bytes_max, {16, 65'536}, core::at_start, "longest line"},
        {"pause", &ChatSettings::pause, {10ms, 10s}, core::reloadable, "between two lines of a member"},
        {"title", &ChatSettings::title, {1, 16}, core::reloadable, "shown to newcomers"},
        {"rooms", &ChatSettings::rooms, core::at_start, "that exist from the start"},
    });

struct LogSettings {
    std::string level = "info";
    std::string file;

    bool operator==(const LogSettings&) const = default;
};
inline constexpr auto log_settings = core::table<LogSettings>(
    "log", {
               {"level", &LogSettings::level, {1, 8}, core::reloadable, "debug, info, warn, error or off"},
               {"file", &LogSettings::file, {0, 4096}, core::at_start, "empty: standard error"},
           });

}  // namespace penstock::config
