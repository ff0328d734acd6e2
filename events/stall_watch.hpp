// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/core/counter.hpp>
#include <penstock/core/log.hpp>
#include <penstock/core/ticks.hpp>

#include <chrono>
#include <cstdint>
#include <typeinfo>

namespace penstock::events {

class EntryOwner;
using core::TimePoint;

/// Looks at how long a worker's callbacks hold it: each callback of a socket by itself, messages, timers and
/// what was put off as one step each. What takes longer than the limit is counted, and logged with its kind
/// and origin, at most once a second. Costs a reading of the CPU's counter a callback. Thread: its worker's.
class StallWatch {
public:
    static constexpr std::chrono::seconds log_pause{1};

    struct Counts {
        core::Histogram turns_ns;  ///< what a turn took, less its wait
        core::Counter stalls;
    };

    /// A limit of zero: nothing is looked at.
    StallWatch(const core::Clock& clock, Log& log, Counts& counts, std::chrono::nanoseconds limit);

    void begin_turn() {
        if (limit_ticks_ != never) turn_begin_ = begin_ = core::ticks();
    }
    /// A callback of `owner` has returned, which may have ended, but lives until the end of the turn.
    void ran(const EntryOwner& owner) {
        if (limit_ticks_ == never) return;
        const auto now = core::ticks();
        if (now - begin_ > limit_ticks_) [[unlikely]]
            stalled(now - begin_, owner);
        begin_ = now;
    }
    /// So many of a kind ("messages", "timers") have run.
    void ran(const char* kind, std::size_t count) {
        if (limit_ticks_ == never) return;
        const auto now = core::ticks();
        if (now - begin_ > limit_ticks_) [[unlikely]]
            stalled(now - begin_, kind, count);
        begin_ = now;
    }
    void end_turn() {
        if (limit_ticks_ != never) counts_.turns_ns.add(nanoseconds(core::ticks() - turn_begin_));
    }
    /// Now and then: learns how fast the counter goes.
    void calibrate(TimePoint now);

private:
    static constexpr std::uint64_t never = UINT64_MAX;

    std::uint64_t nanoseconds(std::uint64_t ticks) const {
        return static_cast<std::uint64_t>(static_cast<double>(ticks) * ns_per_tick_);
    }
    /// False: it was shorter than the limit after all, or the last one is too near to be logged.
    bool counts_as_stall(std::uint64_t ticks);
    void stalled(std::uint64_t ticks, const EntryOwner& owner);
    void stalled(std::uint64_t ticks, const char* kind, std::size_t count);

    const core::Clock& clock_;
    Log& log_;
    Counts& counts_;
    const std::chrono::nanoseconds limit_;
    std::uint64_t limit_ticks_ = never;
    std::uint64_t turn_begin_ = 0, begin_ = 0;
    // Where the calibration began:
    const std::uint64_t first_ticks_;
    const TimePoint first_time_;
    double ns_per_tick_ = 1;  // before the first calibration: as slow as counters are, so that it looks often
    TimePoint logged_;
    std::uint64_t unlogged_ = 0;
};

}  // namespace penstock::events
