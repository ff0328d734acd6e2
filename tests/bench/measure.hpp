// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <string>

#include <bench/case.hpp>
#include <bench/samples.hpp>

namespace penstock::bench {

/// How a case is sampled. All of it bounded: a host that is never near takes `near_wait` once, no more.
struct Plan {
    int rounds = 5;
    int slices = 2;  ///< wanted of each contestant in a round; near ones, where the case crosses cores
    int tries = 8;   ///< slices taken for them at most
    std::chrono::milliseconds slice{350};         ///< 350 to 1000
    std::chrono::milliseconds ping{20};           ///< before and after each slice; 10 to 30
    std::chrono::milliseconds warm_up{100};       ///< not counted
    std::chrono::milliseconds near_wait{30'000};  ///< placements last 1 to 20 s
    std::string folder;                           ///< where the contestants are
};

/// The executable of a contestant.
std::string program_of(const Plan& plan, const Contestant& contestant);
bool is_built(const Plan& plan, const Contestant& contestant);

/// Floor, ours and peers in turn, a fresh process each, until `plan.rounds` rounds are near throughout (at
/// most twice as many are tried). Failures are told on stderr, with names. Thread: main, on the load's core.
Result<Samples> measure(const Case& test, const Plan& plan);

}  // namespace penstock::bench
