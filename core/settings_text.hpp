// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/settings.hpp>

namespace penstock::core {

// Settings as people write them.

/// "0B", "512B", "4KiB": the largest unit that leaves a whole number, of B, KiB, MiB, GiB, TiB.
std::string text(ByteSize size);
/// "0ms", "100ms", "10s": likewise of ms, s, min, h, d.
std::string text(Milliseconds duration);

/// Digits and a unit, nothing else: no sign, no fraction, no space.
Result<ByteSize> parse_byte_size(std::string_view text);
Result<Milliseconds> parse_milliseconds(std::string_view text);

/// As a settings file has it: `true`, `100`, `0.5`, `"4KiB"`, `"text"`, `["a", "b"]`.
std::string setting_text(const SettingValue& value);

/// The ends of a row's range: "10s", "64 bytes" for lengths of text, "1024 entries" for lists.
std::string least_text(const SettingRow& row);
std::string most_text(const SettingRow& row);

}  // namespace penstock::core
