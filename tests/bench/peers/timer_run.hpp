// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include <bench/peers/own_time.hpp>
#include <bench/peers/virtual_time.hpp>

// What the programs of the cases of timers share. A contestant's Timers has, for timer i of `count`:
//   Timers(count)
//   arm(i, ms)   also when it is armed: then it moves
//   cancel(i)
//   settle()     does what cancel or a move left to be done later
//   fire_all()   runs the loop until all that are armed have called fired(); the time has come for each

namespace penstock::bench {

inline constexpr std::size_t many_timers = 1'000'000;
inline constexpr std::size_t live_timers = 10'000;

/// Pseudo-random, spread evenly; the same in every program. None is due before a measurement is over.
inline constexpr std::chrono::milliseconds nearest_delay{10'000}, farthest_delay{240'000};
inline const std::vector<std::uint32_t>& delays() {
    static const auto all = [] {
        std::mt19937 random(20'231'101);
        std::vector<std::uint32_t> out(many_timers);
        const auto spread = (farthest_delay - nearest_delay).count() + 1;
        for (auto& delay : out) delay = static_cast<std::uint32_t>(nearest_delay.count() + random() % spread);
        return out;
    }();
    return all;
}

/// What every timer runs.
inline std::size_t fired_count = 0;
inline void fired() { ++fired_count; }

/// The time of one step, over all passes but the first, which warms up.
class Stopwatch {
public:
    void begin() { begin_ = SteadyClock::now(); }
    void end(std::size_t operations) {
        const auto passed = SteadyClock::now() - begin_;
        if (!std::exchange(is_warm_, true)) return;
        passed_ += passed;
        operations_ += operations;
    }
    SteadyClock::duration passed() const { return passed_; }
    void print(const char* figure) const {
        print_figure(figure, nanoseconds(passed_) / static_cast<double>(operations_));
    }

private:
    SteadyClock::time_point begin_;
    SteadyClock::duration passed_{0};
    std::size_t operations_ = 0;
    bool is_warm_ = false;
};

template <class Timers>
void arm_all(Timers& timers) {
    for (std::size_t i = 0; i < many_timers; ++i) timers.arm(i, delays()[i]);
}

/// A million are armed, then cancelled in the same order: which is none in a heap or a wheel.
template <class Timers>
void time_arm_cancel(Timers& timers, SteadyClock::duration duration) {
    Stopwatch arming, cancelling;
    while (arming.passed() + cancelling.passed() < duration) {
        arming.begin();
        arm_all(timers);
        arming.end(many_timers);
        cancelling.begin();
        for (std::size_t i = 0; i < many_timers; ++i) timers.cancel(i);
        timers.settle();
        cancelling.end(many_timers);
    }
    if (fired_count != 0) refuse("a timer fired that was cancelled");
    arming.print("arm");
    cancelling.print("cancel");
}

/// As the deadline of a connection moves with each request.
template <class Timers>
void time_re_arm(Timers& timers, SteadyClock::duration duration) {
    Stopwatch moving;
    while (moving.passed() < duration) {
        moving.begin();
        for (std::size_t at = 0; at < many_timers; at += live_timers) {
            for (std::size_t i = 0; i < live_timers; ++i) timers.arm(i, delays()[at + i]);
            timers.settle();
        }
        moving.end(many_timers);
    }
    if (fired_count != 0) refuse("a timer fired that was moved");
    moving.print("re-arm");
}

/// A million become due at once. `fire_all` is the loop's own way from there to the last callback.
template <class Timers>
void time_fire(Timers& timers, SteadyClock::duration duration) {
    Stopwatch firing;
    while (firing.passed() < duration) {
        fired_count = 0;
        arm_all(timers);
        pass_time(farthest_delay + std::chrono::seconds(1));
        firing.begin();
        timers.fire_all();
        firing.end(many_timers);
        if (fired_count != many_timers) refuse("timers are missing");
    }
    firing.print("fire");
}

enum class TimerStep : std::uint8_t { arm_cancel, re_arm, fire };

struct TimerArguments {
    TimerStep step;
    std::chrono::milliseconds duration;

    std::size_t timers() const { return step == TimerStep::re_arm ? live_timers : many_timers; }
};

/// Ends the process when there are others.
inline TimerArguments timer_arguments(int argc, char** argv) {
    constexpr const char* usage = "arm-cancel|re-arm|fire MILLISECONDS";
    const std::chrono::milliseconds duration(number_argument(argc, argv, 2, usage));
    const std::string_view word = argv[1];
    if (word == "arm-cancel") return {TimerStep::arm_cancel, duration};
    if (word == "re-arm") return {TimerStep::re_arm, duration};
    if (word == "fire") return {TimerStep::fire, duration};
    usage_error(argv, usage);
}

template <class Timers>
int timer_main(int argc, char** argv) {
    const auto arguments = timer_arguments(argc, argv);
    Timers timers(arguments.timers());
    switch (arguments.step) {
        case TimerStep::arm_cancel: time_arm_cancel(timers, arguments.duration); break;
        case TimerStep::re_arm: time_re_arm(timers, arguments.duration); break;
        case TimerStep::fire: time_fire(timers, arguments.duration); break;
    }
    return 0;
}

}  // namespace penstock::bench
