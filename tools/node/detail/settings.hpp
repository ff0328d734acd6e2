// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/log.hpp>
#include <penstock/node/settings.hpp>
#include <penstock/proc/settings.hpp>

#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace penstock::node {

/// What a program could not do, in a line for people that says what to do about it.
template <class T>
using Done = std::expected<T, std::string>;

/// What the command line of every Node program takes. Nothing: the settings' own value.
struct Options {
    std::optional<std::string> config, listen, state;
    std::optional<std::uint32_t> workers;
};

/// Reads the command line. An answer instead of options: the program ends with it, all is printed (0: --help
/// and --version, 2: usage).
std::expected<Options, int> parse_options(int argc, char** argv);

/// All settings of the framework, and what follows from them.
struct AllSettings {
    NodeSettings node;
    AdminSettings admin;
    LogFileSettings log;
    HttpSettings http;
    EventsSettings events;
    proc::ProcessorSettings processor;

    /// Views: this object outlives them.
    std::vector<core::SettingsSection> sections();
    /// Defaults, then the file into these and `more`, then the command line.
    Done<void> load(const Options& options, const std::vector<core::SettingsSection>& more);

    // By `load`:
    Address listen;
    std::optional<Address> admin_listen;  ///< a listener of their own
    bool admin_beside_routes = false;
    LogLevel log_level = LogLevel::info;

private:
    Done<void> check(const Options& options);
};

/// The shipped settings file: what config/node.toml holds.
std::string default_settings_text();

/// The folder for what a node keeps: `wanted`, else $STATE_DIRECTORY (the first of several), else
/// ~/.local/state/penstock. Made with its parents (0700) when it is missing.
Done<std::string> open_state_folder(const std::string& wanted);

}  // namespace penstock::node
