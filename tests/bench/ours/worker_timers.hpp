// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/timer.hpp>

#include <optional>
#include <vector>

#include <bench/ours/one_worker.hpp>
#include <bench/peers/timer_run.hpp>

// Both kinds of timers that a user of a worker has, in the cases of timers: armed in the worker's name, and
// fired by its turns. A `One` is made with its worker, has
// arm(worker, ms) and cancel(), and calls fired().

namespace penstock::bench {

template <class One>
class WorkerTimers {
public:
    WorkerTimers(Worker& worker, std::size_t count) : worker_(worker), timers_(count) {
        for (auto& timer : timers_) timer.emplace(worker);
    }

    void arm(std::size_t i, std::uint32_t ms) { timers_[i]->arm(worker_, std::chrono::milliseconds(ms)); }
    void cancel(std::size_t i) { timers_[i]->cancel(); }
    void settle() {}

private:
    Worker& worker_;
    std::vector<std::optional<One>> timers_;  // they do not move
};

/// As the other one: but here the loop runs already, and is come back to by waiting for the last deadline.
template <class One>
Task<> time_fire(Worker& worker, WorkerTimers<One>& timers, std::chrono::milliseconds duration) {
    Stopwatch firing;
    // The kernel, which the worker waits in, knows nothing of virtual time: one more deadline, which has come
    // already, makes it look at its clock.
    Timer at_once(worker, [] {});
    while (firing.passed() < duration) {
        fired_count = 0;
        arm_all(timers);
        at_once.arm({});
        auto last = worker.sleep(farthest_delay + 500ms);
        pass_time(farthest_delay + 1s);
        firing.begin();
        co_await last;
        firing.end(many_timers);
        if (fired_count != many_timers) refuse("timers are missing");
    }
    firing.print("fire");
}

template <class One>
Task<int> time_timers(Worker& worker, TimerArguments arguments) {
    WorkerTimers<One> timers(worker, arguments.timers());
    switch (arguments.step) {
        case TimerStep::arm_cancel: time_arm_cancel(timers, arguments.duration); break;
        case TimerStep::re_arm: time_re_arm(timers, arguments.duration); break;
        case TimerStep::fire: co_await time_fire(worker, timers, arguments.duration); break;
    }
    co_return 0;
}

}  // namespace penstock::bench
