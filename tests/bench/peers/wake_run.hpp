// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <bench/peers/own_time.hpp>

namespace penstock::bench {

/// How long it takes from a post to a loop that sleeps until the message runs there: one way, the median.
/// The sender waits for each answer without sleeping, and then for as long as a loop takes to fall asleep.
class WakeRun {
public:
    WakeRun(int argc, char** argv) : duration_(number_argument(argc, argv, 1, "MILLISECONDS")) {}

    /// `post()` makes the loop call answer() once.
    template <class Post>
    void start(Post post) {
        thread_ = std::thread([this, post] { send(post); });
    }

    /// In the loop. True: it was the last.
    bool answer() {
        const bool is_last = over_.load(std::memory_order_relaxed);
        answered_.store(SteadyClock::now().time_since_epoch().count(), std::memory_order_release);
        return is_last;
    }

    void finish() {
        thread_.join();
        if (times_.empty()) refuse("the time was too short for one wake-up");
        const auto middle = times_.begin() + static_cast<std::ptrdiff_t>(times_.size() / 2);
        std::nth_element(times_.begin(), middle, times_.end());
        print_figure("wake", static_cast<double>(*middle));
    }

private:
    static constexpr std::chrono::microseconds rest{50};
    static constexpr std::chrono::seconds patience{5};

    static void spin_until(SteadyClock::time_point end) {
        while (SteadyClock::now() < end) relax();
    }

    template <class Post>
    void send(Post post) {
        move_to_load_core();
        for (const auto end = SteadyClock::now() + duration_; SteadyClock::now() < end;)
            times_.push_back(send_one(post));
        over_.store(true, std::memory_order_relaxed);
        send_one(post);
    }

    template <class Post>
    std::int64_t send_one(Post& post) {
        answered_.store(0, std::memory_order_relaxed);
        spin_until(SteadyClock::now() + rest);
        const auto begin = SteadyClock::now();
        post();
        for (std::int64_t end;; relax()) {
            if ((end = answered_.load(std::memory_order_acquire)) != 0)
                return end - begin.time_since_epoch().count();
            if (SteadyClock::now() - begin > patience) refuse("the loop was not woken");
        }
    }

    const std::chrono::milliseconds duration_;
    std::thread thread_;
    std::vector<std::int64_t> times_;
    alignas(128) std::atomic<std::int64_t> answered_{0};
    std::atomic<bool> over_{false};
};

}  // namespace penstock::bench
