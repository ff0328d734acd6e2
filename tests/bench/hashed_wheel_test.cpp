// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <bench/peers/hashed_wheel.hpp>
#include <doctest/doctest.h>

using penstock::bench::HashedWheel;

namespace {

struct Counted : HashedWheel::Timer {
    Counted() {
        fire = [](HashedWheel::Timer& timer) { ++static_cast<Counted&>(timer).count; };
    }
    int count = 0;
};

}  // namespace

TEST_CASE("a wheel fires each timer in its millisecond, also laps away") {
    HashedWheel wheel;
    std::array<Counted, 4> timers;
    const std::uint64_t delays[] = {1, HashedWheel::slots, HashedWheel::slots + 1, 3 * HashedWheel::slots};
    for (std::size_t i = 0; i < timers.size(); ++i) wheel.arm(timers[i], delays[i]);
    std::uint64_t now = 0;
    for (std::size_t i = 0; i < timers.size(); ++i) {
        wheel.advance(delays[i] - 1 - now);
        CHECK(timers[i].count == 0);
        wheel.advance(1);
        CHECK(timers[i].count == 1);
        now = delays[i];
    }
    wheel.advance(4 * HashedWheel::slots);
    for (const auto& timer : timers) CHECK(timer.count == 1);
}

TEST_CASE("a timer of a wheel moves, and is cancelled") {
    HashedWheel wheel;
    Counted moved, cancelled;
    wheel.arm(moved, 5);
    wheel.arm(moved, 9);
    wheel.arm(cancelled, 5);
    HashedWheel::cancel(cancelled);
    HashedWheel::cancel(cancelled);
    wheel.advance(8);
    CHECK(moved.count == 0);
    wheel.advance(1);
    CHECK(moved.count == 1);
    CHECK(cancelled.count == 0);
}
