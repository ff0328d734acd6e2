// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/timer.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

TEST_CASE("a timer may die inside its callback, and the callback may throw then") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    alignas(Timer) static std::array<std::byte, sizeof(Timer)> place;
    static Timer* timer;
    int called = 0;
    timer = new (place.data()) Timer(worker, [&called] {
        ++called;
        timer->~Timer();
        std::ranges::fill(place, std::byte(0xff));  // nobody may look at it any more
        throw std::runtime_error("on purpose");
    });
    timer->arm(1ms);
    sim.run_for(1s);
    CHECK(called == 1);
}

TEST_CASE("a timer that was due long ago is due now, one that is due never is not") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    int past = 0, never = 0;
    Timer second(worker, [&] { ++past; }), century(worker, [&] { ++past; });
    Timer last(worker, [&] { ++never; });
    second.arm(-1s);
    century.arm(-24h * 365 * 100);  // before the clock's start
    last.arm(std::chrono::nanoseconds::max());
    sim.run_for(1ms);
    CHECK(past == 2);
    sim.run_for(24h);
    CHECK(never == 0);
    CHECK(last.is_armed());
    CHECK(worker.in(std::chrono::nanoseconds::max()) == TimePoint::max());
}
