// SPDX-License-Identifier: Apache-2.0
// Timers that are armed, moved and cancelled at random: never early, late by a tick at most, never after a
// cancel.
#include <penstock/events/timer.hpp>
#include <penstock/events/timer_wheel.hpp>

#include <memory>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include "scenario.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

/// One timer, and when it must ring.
struct Watched {
    explicit Watched(Worker& w) : worker(w), timer(w, [this] { ring(); }) {}
    void act() {
        auto& random = worker.random();
        constexpr std::chrono::nanoseconds scales[]{1us, 200us, 10ms, 1s, 10min, 48h};
        const auto scale = scales[random.below(std::size(scales))];
        const std::chrono::nanoseconds after(random.below(static_cast<std::uint64_t>(scale.count())));
        switch (random.below(4)) {
            case 0:
                timer.cancel();
                due.reset();
                break;
            default: timer.arm(after); due = worker.now() + after;
        }
        CHECK(timer.is_armed() == due.has_value());
    }
    void ring() {
        ++rung;
        REQUIRE(due);
        CHECK(worker.now() >= *due);
        CHECK(worker.now() - *due <= TimerWheel::tick);
        due.reset();
        if (worker.random().below(2) == 0) act();
    }
    Worker& worker;
    Timer timer;
    std::optional<core::TimePoint> due;
    int rung = 0;
};

}  // namespace

TEST_CASE("timers ring when they are due, and only then") {
    for (const auto seed : seeds(1000)) {
        CAPTURE(seed);
        Simulation sim(seed);
        auto& worker = sim.add_host();
        std::vector<std::unique_ptr<Watched>> all;
        for (int i = 0; i < 20; ++i) all.push_back(std::make_unique<Watched>(worker));
        for (int i = 0; i < 50; ++i) {
            worker.later([&] { all[sim.random().below(all.size())]->act(); });
            sim.run_for(std::chrono::microseconds(sim.random().below(1'000'000)));
        }
        sim.run_for(480h);
        int rung = 0;
        for (const auto& each : all) {
            CHECK_FALSE(each->timer.is_armed());
            CHECK_FALSE(each->due);
            rung += each->rung;
        }
        CHECK(rung > 0);
        all.clear();
    }
}
