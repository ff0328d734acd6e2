// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::bench {

/// What a program that times itself has printed: a line "FIGURE NANOSECONDS" for each of `figures`, in any
/// order. Answers the times in the order of `figures`. Refused: a figure that is missing, repeated or not
/// asked for, a time that is no number above zero, and a last line without its end.
Result<std::vector<double>> read_figures(std::string_view printed, std::span<const std::string> figures);

}  // namespace penstock::bench
