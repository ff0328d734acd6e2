// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/core/counter.hpp>

#include <atomic>
#include <limits>
#include <optional>

namespace penstock::proc::detail {

/// A time that one thread tells the others, or none.
class Since {
public:
    void tell(std::optional<core::TimePoint> time) {
        ticks_.store(time ? time->time_since_epoch().count() : none, std::memory_order_relaxed);
    }
    std::optional<core::TimePoint> time() const {
        const auto ticks = ticks_.load(std::memory_order_relaxed);
        if (ticks == none) return {};
        return core::TimePoint(core::TimePoint::duration(ticks));
    }

private:
    static constexpr auto none = std::numeric_limits<core::TimePoint::rep>::min();
    std::atomic<core::TimePoint::rep> ticks_ = none;
};

/// What one queue counts; it outlives the queue's thread. One writer: the queue.
struct Counters {
    core::Counter run, thrown, ended, cut;
    core::Histogram waited, held;
    Since oldest;   ///< of the jobs that the queue has taken
    Since running;  ///< when the present run began
};

}  // namespace penstock::proc::detail
