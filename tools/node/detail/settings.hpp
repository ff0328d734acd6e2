// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/config/load.hpp>
#include <penstock/core/log.hpp>
#include <penstock/node/options.hpp>
#include <penstock/node/settings.hpp>
#include <penstock/proc/settings.hpp>
#include <penstock/stream/node_keys.hpp>

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::node {

/// What a program could not do, in a line for people that says what to do about it.
template <class T>
using Done = std::expected<T, std::string>;

/// Reads the command line. An answer instead of options: the program ends with it, all is printed (0: --help
/// and --version, 2: usage).
std::expected<Options, int> parse_options(int argc, char** argv);

/// All settings of the framework, and what follows from them.
struct AllSettings {
    NodeSettings node;
    AdminSettings admin;
    LogFileSettings log;
    HttpSettings http;
    StreamSettings stream;
    EventsSettings events;
    proc::ProcessorSettings processor;

    /// Views: this object outlives them.
    std::vector<core::SettingsSection> sections();
    /// Where a value came from, for what is wrong with it: `node.toml:2:9: log.level = "x"`.
    std::string origin(std::string_view setting, const std::string& value) const;
    /// Defaults, then the file into these and `more`, then the command line.
    Done<void> load(const Options& options, const std::vector<core::SettingsSection>& more);

    // By `load`:
    Address listen;
    std::optional<Address> admin_listen;  ///< a listener of their own
    bool admin_beside_routes = false;
    LogLevel log_level = LogLevel::info;
    stream::ClientPolicy clients;

private:
    Done<void> check();
    Done<void> check_stream();

    std::string file_;
    config::Places places_;                     ///< in that file
    std::map<std::string, std::string> given_;  ///< settings that an option gave, and which
};

/// A settings file that changes nothing, with these sections behind the framework's.
std::string default_settings_text(const std::vector<core::SettingsSection>& more = {});

}  // namespace penstock::node
