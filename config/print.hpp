// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/settings.hpp>

#include <span>
#include <string>

namespace penstock::config {

/// The settings file that changes nothing: every section, and every setting as a comment with its help, its
/// range and its value. Given structs that were just made, the values are the defaults.
///
///     [chat]
///     # least time between two lines of a member
///     # from 0ms to 10s; a reload changes it
///     # pause = "100ms"
std::string print_defaults(std::span<const core::SettingsSection> sections);

}  // namespace penstock::config
