// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/counter.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace penstock::proc {

/// One queue at one time, for status pages and metrics. Durations in histograms are nanoseconds.
struct QueueStatus {
    int cpu = -1;                         ///< -1: not pinned
    std::size_t jobs = 0;                 ///< waiting, sleeping and running together
    std::uint64_t run = 0;                ///< calls of jobs that have returned or thrown
    std::uint64_t thrown = 0;             ///< of those, that threw
    std::uint64_t cut = 0;                ///< jobs that died at a stop
    core::HistogramCounts waited;         ///< from when a run was due until it began
    core::HistogramCounts held;           ///< how long runs took
    std::chrono::nanoseconds oldest{0};   ///< the age of what has waited longest, now
    std::chrono::nanoseconds holding{0};  ///< how long the present run has taken by now; 0: none
};

}  // namespace penstock::proc
