// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <optional>
#include <string>
#include <vector>

#include <bench/case.hpp>
#include <bench/instructions.hpp>
#include <bench/samples.hpp>

namespace penstock::bench {

enum class Verdict : std::uint8_t { met, missed, not_measured };

/// Of one aim. Not measured: ours, or what it is held against, is not built.
Verdict judge(const Case& test, const Samples& samples, const Aim& aim);
/// Of all: missed if one is, else not measured if one is not.
Verdict judge(const Case& test, const Samples& samples);

/// The ratio to the case's floor; empty where it has none.
std::optional<double> to_floor(const Case& test, const Samples& samples, std::size_t contestant);

struct Outcome {
    const Case* test;
    std::optional<Samples> samples;  ///< none: it failed, or only instructions were asked for
    std::vector<std::optional<Instructions>> instructions;  ///< in the order of contestants; may be empty
    bool failed = false;
};

/// A line for each contestant: median, least and most of the rounds, ratio to the floor, how busy it was, and
/// the figures where several are summed.
std::string details_text(const Outcome& outcome);
/// One row: all medians, ours to the floor, the aims, met or missed.
std::string row_text(const Outcome& outcome);
/// "bench http: 1 case, 1 met, 0 missed"; what is not measured or failed is added when there is any.
std::string summary_text(std::string_view what, const std::vector<Outcome>& outcomes);
/// Everything, each slice included.
std::string json_text(std::string_view host, const std::vector<Outcome>& outcomes);

}  // namespace penstock::bench
