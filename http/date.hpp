// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace penstock::http {

inline constexpr std::size_t date_bytes = 29;

/// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC 9110, 5.6.7); fractions of a second are cut off.
std::array<char, date_bytes> date_text(core::WallTime time);

/// Reads that form and the two obsolete ones, "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37
/// 1994"; nothing when it is none: a condition with a bad date is no condition. A year of two digits lies
/// within the fifty years after `now`, or before. The weekday must be one, not the right one. Years that
/// WallTime can't hold become the nearest that it can (1678 to 2261).
std::optional<core::WallTime> parse_date(std::string_view text, core::WallTime now);

}  // namespace penstock::http
