// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace penstock::proc {

/// What a job may answer: that it has done its work, or that it wants to be run again.
class [[nodiscard]] Answer {
public:
    /// Longer delays are cut to this.
    static constexpr std::chrono::hours delay_max{24 * 365};

    static constexpr Answer done() { return Answer(std::chrono::nanoseconds(-1)); }
    static constexpr Answer again(std::chrono::nanoseconds after) {
        return Answer(std::clamp<std::chrono::nanoseconds>(after, std::chrono::nanoseconds(0), delay_max));
    }
    constexpr bool is_done() const { return after_.count() < 0; }
    /// Requires !is_done().
    constexpr std::chrono::nanoseconds after() const { return after_; }

private:
    constexpr explicit Answer(std::chrono::nanoseconds after) : after_(after) {}
    std::chrono::nanoseconds after_;
};

constexpr Answer done() { return Answer::done(); }
/// Runs me in the next cycle, behind all that waits by now: for work in slices. It keeps the CPU busy; what
/// only looks whether something has happened takes a delay, and the queue sleeps.
constexpr Answer again() { return Answer::again({}); }
constexpr Answer again(std::chrono::nanoseconds after) { return Answer::again(after); }

}  // namespace penstock::proc
