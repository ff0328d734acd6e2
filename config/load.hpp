// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/config/problem.hpp>
#include <penstock/core/settings.hpp>

#include <expected>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace penstock::config {

/// A longer file is refused before it is parsed.
inline constexpr std::size_t file_bytes_max = 1024 * 1024;
/// More problems of one file are not told.
inline constexpr std::size_t problems_max = 20;
/// Parts of a dotted key, and arrays and inline tables within each other: settings need two and one.
inline constexpr std::size_t key_parts_max = 8;
inline constexpr std::size_t nested_values_max = 16;

/// Of all settings that a file names, by "section.key": for those who check further what they mean.
using Places = std::map<std::string, Place, std::less<>>;

/// Where what was, or what is wrong.
using Loaded = std::expected<Places, Problems>;

/// Reads a TOML file into the structs of the sections. What the file doesn't name is left as it is. Sizes and
/// durations are written as texts with a unit ("4KiB", "100ms"), counts as whole numbers; a text may stand
/// for a list of one. Refused are unknown
/// sections and keys, repeated ones, other types, and values out of their range; then no struct is changed.
///
/// A file that can't be read is a problem as well. Blocks. Requires sections of different names.
Loaded load_file(const std::string& path, std::span<const core::SettingsSection> sections);

/// Likewise from text; `name` stands for the file in problems.
Loaded load_text(std::string_view text, std::string_view name,
                 std::span<const core::SettingsSection> sections);

}  // namespace penstock::config
