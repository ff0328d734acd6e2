// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/config/problem.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::config {

/// Where a key of `text` has more than `parts_max` dotted parts. toml++ 3.3 makes a table of each part,
/// without a limit, so one long line would overflow the stack when its tables are destroyed.
///
/// It knows of TOML only comments, the four kinds of strings, and what ends a key or value. Text that is no
/// TOML may be judged wrongly behind its first error, where toml++ stops.
std::optional<Place> find_long_key(std::string_view text, std::size_t parts_max);

}  // namespace penstock::config
