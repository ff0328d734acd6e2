// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/load.hpp>
#include <penstock/config/print.hpp>

#include <config/chat_settings.hpp>
#include <doctest/doctest.h>

using namespace penstock;
using config::ChatSettings;

namespace {

/// As if a person had removed the `# ` before every setting.
std::string with_settings_on(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n') + 1);
        text.remove_prefix(line.size());
        if (line.starts_with("# ") && line.find(" = ") != std::string_view::npos) line.remove_prefix(2);
        out += line;
    }
    return out;
}

}  // namespace

TEST_CASE("the default file names every setting with its help, range and value") {
    ChatSettings chat;
    config::LogSettings log;
    const std::vector<core::SettingsSection> sections{{config::chat_settings, chat},
                                                      {config::log_settings, log}};
    CHECK(config::print_defaults(sections) ==
          "[chat]\n"
          "# whether newcomers may enter\n"
          "# true or false; a reload changes it\n"
          "# open = true\n"
          "\n"
          "# lines to a newcomer\n"
          "# from 1 to 10000; a reload changes it\n"
          "# history_lines = 100\n"
          "\n"
          "# of the worker's time\n"
          "# from 0.25 to 1; read at start\n"
          "# share = 0.5\n"
          "\n"
          "# longest line\n"
          "# from 16B to 64KiB; read at start\n"
          "# line_bytes_max = \"4KiB\"\n"
          "\n"
          "# between two lines of a member\n"
          "# from 10ms to 10s; a reload changes it\n"
          "# pause = \"100ms\"\n"
          "\n"
          "# shown to newcomers\n"
          "# from 1 byte to 16 bytes; a reload changes it\n"
          "# title = \"chat \\\"one\\\"\"\n"
          "\n"
          "# that exist from the start\n"
          "# up to 1024 entries; read at start\n"
          "# rooms = [\"a\", \"b\"]\n"
          "\n"
          "[log]\n"
          "# debug, info, warn, error or off\n"
          "# from 1 byte to 8 bytes; a reload changes it\n"
          "# level = \"info\"\n"
          "\n"
          "# empty: standard error\n"
          "# up to 4096 bytes; read at start\n"
          "# file = \"\"\n");
}

TEST_CASE("the default file loads and changes nothing, and so it does with its settings on") {
    const ChatSettings defaults;
    ChatSettings chat;
    config::LogSettings log;
    const std::vector<core::SettingsSection> sections{{config::chat_settings, chat},
                                                      {config::log_settings, log}};
    const auto text = config::print_defaults(sections);
    chat = {.open = false,
            .history_lines = 1,
            .share = 1,
            .line_bytes_max = 16,
            .pause = 10ms,
            .title = "x",
            .rooms = {}};
    const auto other = chat;
    CHECK(config::load_text(text, "defaults", sections).has_value());
    CHECK(chat == other);
    CHECK(config::load_text(with_settings_on(text), "defaults", sections).has_value());
    CHECK(chat == defaults);
}
