// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/load.hpp>
#include <penstock/config/print.hpp>

#include <config/chat_settings.hpp>

using namespace penstock;

/// Any text: it loads, or has problems with places in it. What loaded, is in its range and can be printed and
/// loaded again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    config::ChatSettings chat;
    config::LogSettings log;
    const std::vector<core::SettingsSection> sections{{config::chat_settings, chat},
                                                      {config::log_settings, log}};
    const auto loaded = config::load_text(text, "fuzz", sections);
    if (!loaded) {
        if (loaded.error().empty() || loaded.error().size() > config::problems_max) __builtin_trap();
        for (const auto& problem : loaded.error())
            for (const char c : problem.message())
                if (c >= 0 && c < 0x20) __builtin_trap();
        if (chat != config::ChatSettings() || log != config::LogSettings()) __builtin_trap();
        return 0;
    }
    for (const auto& section : sections)
        for (std::size_t at = 0; at < section.size(); ++at)
            if (section.row(at).fit(section.value(at)) != core::SettingFit::fits) __builtin_trap();
    std::string again = config::print_defaults(sections);
    for (std::size_t at = 0; (at = again.find("\n# ", at)) != std::string::npos; ++at) {
        const auto end = again.find('\n', at + 1);
        if (again.substr(at, end - at).find(" = ") != std::string::npos) again.erase(at + 1, 2);
    }
    const auto before = chat;
    if (!config::load_text(again, "printed", sections) || chat != before) __builtin_trap();
    return 0;
}
