// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <bench/host.hpp>
#include <bench/pingpong.hpp>

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int batch_trips = 500;
constexpr std::uint32_t stop = 0xFFFFFFFF;

/// Odd: the ball is with the partner. Even: with the caller.
struct alignas(128) Line {
    std::atomic<std::uint32_t> ball = 0;
};

void partner(Line& line) {
    if (!pin_to(server_core)) return;
    for (;;) {
        auto ball = line.ball.load(std::memory_order_acquire);
        if (ball == stop) return;
        // Exchanged, not stored: a caller that has given up may have written `stop` since.
        if (ball % 2 == 1) line.ball.compare_exchange_strong(ball, ball + 1);
    }
}

/// False: the time was up first.
bool trip(Line& line, std::uint32_t& ball, SteadyClock::time_point end) {
    line.ball.store(ball + 1, std::memory_order_release);
    ball += 2;
    for (std::uint32_t spins = 1; line.ball.load(std::memory_order_acquire) != ball; ++spins)
        if (spins % 4096 == 0 && SteadyClock::now() >= end) return false;
    return true;
}

}  // namespace

std::optional<std::chrono::nanoseconds> ping_pong(std::chrono::nanoseconds duration) {
    Line line;
    std::thread other(partner, std::ref(line));
    std::vector<std::chrono::nanoseconds> batches;
    const auto end = SteadyClock::now() + duration;
    std::uint32_t ball = 0;
    for (auto begin = SteadyClock::now(); begin < end;) {
        int trips = 0;
        while (trips < batch_trips && trip(line, ball, end)) ++trips;
        const auto now = SteadyClock::now();
        if (trips == batch_trips) batches.push_back((now - begin) / batch_trips);
        begin = now;
    }
    line.ball.store(stop, std::memory_order_release);
    other.join();
    if (batches.empty()) return {};
    const auto middle = batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2);
    std::nth_element(batches.begin(), middle, batches.end());
    return *middle;
}

bool is_near(std::chrono::nanoseconds duration) {
    const auto trip_time = ping_pong(duration);
    return trip_time && *trip_time < near_max;
}

}  // namespace penstock::bench
