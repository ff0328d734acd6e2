// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/log.hpp>
#include <penstock/proc/settings.hpp>
#include <penstock/proc/status.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

namespace penstock::proc::detail {

/// Warns of queues that make no headway, from outside: a queue that is held, or that gets no time beside a
/// busy worker, cannot say so itself. Once for each run that takes too long, and once each time that a queue
/// falls behind. Thread: its owner's.
class Watch {
public:
    Watch(const ProcessorSettings& settings, std::size_t queues, Log& log)
        : held_warning_(settings.held_warning),
          waiting_warning_(settings.waiting_warning),
          log_(log),
          warned_(queues) {}

    void check(unsigned index, const QueueStatus& queue);
    /// How often to check; 0: never.
    static std::chrono::milliseconds period(const ProcessorSettings& settings);

private:
    struct Warned {
        bool of_run = false, of_age = false;
        std::uint64_t run = 0;  // which one
    };
    const std::chrono::nanoseconds held_warning_, waiting_warning_;
    Log& log_;
    std::vector<Warned> warned_;
};

}  // namespace penstock::proc::detail
