// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace penstock::bench {

inline constexpr std::size_t output_bytes_max = 64 * 1024;

/// All that a program under test prints until it ends by itself. Refused: an end other than by 0, more than
/// `output_bytes_max`, and one that is not over after `at_most`: it is stopped then.
Result<std::string> output_of(const std::vector<std::string>& command, std::chrono::milliseconds at_most);

}  // namespace penstock::bench
