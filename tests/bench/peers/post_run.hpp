// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include <bench/peers/own_time.hpp>
#include <sched.h>

namespace penstock::bench {

/// Posts as fast as they are taken, from one or two threads to one consumer, which is the calling thread's
/// core or whatever the contestant starts there.
///
/// All producers are on the load's core, also the second one: the consumer spins in some contestants and
/// sleeps in others, and a producer beside it would measure how well each shares a core, not how it posts.
/// What the second one adds is that a producer may lose its core in the middle of a post.
class PostRun {
public:
    PostRun(int argc, char** argv)
        : producers_(number_argument(argc, argv, 1, usage)),
          duration_(number_argument(argc, argv, 2, usage)) {}

    /// `post(argument)` makes the consumer call take(argument), in the order of its thread; it is called by
    /// all producers, and answers false while there is no room.
    template <class Post>
    void start(Post post) {
        begin_ = SteadyClock::now();
        for (std::uint32_t i = 0; i < producers_; ++i) threads_.emplace_back([this, post] { produce(post); });
    }

    /// One message, at the consumer. True: it was the last of all.
    bool take(std::uint64_t argument) {
        sum_ += argument;
        if (argument != 0) [[likely]]
            return false;
        if (++ended_ != producers_) return false;
        end_ = SteadyClock::now();
        return true;
    }

    /// After the last: checks that each message came once, and prints.
    void finish() {
        for (auto& thread : threads_) thread.join();
        if (sum_ != sum_sent_.load()) refuse("messages were lost or came twice");
        print_figure("post", nanoseconds(end_ - begin_) / static_cast<double>(sent_.load()));
    }

private:
    static constexpr const char* usage = "PRODUCERS MILLISECONDS";
    /// Between two looks at the clock.
    static constexpr std::uint64_t batch = 1024;
    /// Tries before a producer that finds no room gives its core to the other one.
    static constexpr int spins_max = 64;

    template <class Post>
    static void insist(Post& post, std::uint64_t argument) {
        for (int tries = 1; !post(argument); ++tries)
            if (tries % spins_max == 0)
                ::sched_yield();
            else
                relax();
    }

    template <class Post>
    void produce(Post post) {
        move_to_load_core();
        std::uint64_t count = 0, sum = 0;
        const auto until = begin_ + duration_;
        do
            for (std::uint64_t i = 0; i < batch; ++i) {
                insist(post, ++count);
                sum += count;
            }
        while (SteadyClock::now() < until);
        sent_ += count;
        sum_sent_ += sum;
        insist(post, 0);
    }

    const std::uint32_t producers_;
    const std::chrono::milliseconds duration_;
    std::vector<std::thread> threads_;
    std::atomic<std::uint64_t> sent_{0}, sum_sent_{0};
    SteadyClock::time_point begin_;
    alignas(128) SteadyClock::time_point end_;  // from here on the consumer's
    std::uint64_t sum_ = 0;
    std::uint32_t ended_ = 0;
};

}  // namespace penstock::bench
