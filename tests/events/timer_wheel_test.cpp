// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/random.hpp>
#include <penstock/events/timer_wheel.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

struct Note final : Deadline {
    std::function<void()> call;
    void on_due() override { call(); }
};

constexpr TimePoint start{1'000'000h};

/// Runs a wheel step by step, as a worker does: sleeps until next(), never beyond.
struct Driven {
    TimePoint now = start;
    TimerWheel wheel{start};

    void run_until(TimePoint end) {
        while (now < end) {
            const auto next = wheel.next();
            now = next ? std::clamp(*next, now, end) : end;
            while (wheel.run(now, 100) > 0) {
            }
            if (next && *next >= end) break;
        }
        now = end;
        while (wheel.run(now, 100) > 0) {
        }
    }
};

}  // namespace

TEST_CASE("a timer is never early and at most one tick late, at every distance") {
    for (const std::chrono::nanoseconds after : std::initializer_list<std::chrono::nanoseconds>{
             0ns, 1ns, 100us, 131'072ns, 131'073ns, 1ms, 8ms, 500ms, 10s, 1min, 3h, 24h, 2400h}) {
        CAPTURE(after.count());
        Driven driven;
        TimePoint fired{};
        Note note;
        note.call = [&] { fired = driven.now; };
        driven.wheel.arm(note, start + after);
        driven.run_until(start + after + 1s);
        CHECK(fired >= start + after);
        CHECK(fired <= start + after + TimerWheel::tick);
        CHECK_FALSE(note.is_armed());
    }
}

TEST_CASE("what is armed further away than the wheel reaches is due at its end") {
    TimerWheel wheel(start);
    Note note;
    int fired = 0;
    note.call = [&] { ++fired; };
    wheel.arm(note, start + 24h * 400);
    wheel.run(start + TimerWheel::farthest - 1s, 10);
    CHECK(fired == 0);
    wheel.run(start + TimerWheel::farthest + 1s, 10);
    CHECK(fired == 1);
}

TEST_CASE("what was due before the clock's start is due now, what is due at the end of time is not") {
    Driven driven;
    int past = 0, never = 0;
    Note before, last;
    before.call = [&] { ++past; };
    last.call = [&] { ++never; };
    driven.wheel.arm(before, TimePoint(-1h));
    driven.wheel.arm(last, TimePoint::max());
    driven.run_until(start + 1ms);
    CHECK(past == 1);
    driven.run_until(start + 2400h);
    CHECK(never == 0);
    CHECK(last.is_armed());
}

TEST_CASE("many timers armed, moved and cancelled at random fire as a sorted map says") {
    core::SeededRandom random(5);
    Driven driven;
    std::vector<std::unique_ptr<Note>> notes(500);
    std::vector<TimePoint> due(notes.size());
    std::size_t armed = 0, fired = 0, wrong = 0;
    for (std::size_t i = 0; i < notes.size(); ++i) {
        notes[i] = std::make_unique<Note>();
        notes[i]->call = [&, i] {
            ++fired;
            --armed;
            if (driven.now < due[i] || driven.now > due[i] + TimerWheel::tick) ++wrong;
        };
    }
    for (int step = 0; step < 3000; ++step) {
        const auto i = random.below(notes.size());
        if (random.below(4) == 0) {
            if (notes[i]->is_armed()) --armed;
            notes[i]->cancel();
        } else {
            if (!notes[i]->is_armed()) ++armed;
            due[i] =
                driven.now + std::chrono::microseconds(random.below(std::uint64_t(1) << random.below(36)));
            driven.wheel.arm(*notes[i], due[i]);
        }
        if (random.below(3) == 0)
            driven.run_until(driven.now + std::chrono::microseconds(random.below(20'000'000)));
    }
    driven.run_until(driven.now + 48h);
    CHECK(armed == 0);
    CHECK(fired > 500);
    CHECK(wrong == 0);
    CHECK_FALSE(driven.wheel.next().has_value());
}

TEST_CASE("a budget leaves the rest for the next turn, first come first") {
    TimerWheel wheel(start);
    std::vector<int> order;
    std::vector<std::unique_ptr<Note>> notes;
    for (int i = 0; i < 10; ++i) {
        notes.push_back(std::make_unique<Note>());
        notes.back()->call = [&order, i] { order.push_back(i); };
        wheel.arm(*notes.back(), start + 1ms * (i + 1));
    }
    CHECK(wheel.run(start + 1s, 4) == 4);
    CHECK(wheel.has_due());
    CHECK(wheel.run(start + 1s, 100) == 6);
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("a callback may cancel another that is due, arm itself again, and end itself") {
    TimerWheel wheel(start);
    int again = 0;
    Note other, itself;
    auto dying = std::make_unique<Note>();
    itself.call = [&] {
        ++again;
        other.cancel();
        wheel.arm(itself, start + 1ms);  // in the past: due in the next round, not in this one
    };
    other.call = [&] { FAIL("was cancelled"); };
    dying->call = [&] { dying.reset(); };
    wheel.arm(itself, start + 1ms);
    wheel.arm(other, start + 1ms);
    wheel.arm(*dying, start + 1ms);
    CHECK(wheel.run(start + 1s, 100) == 2);
    CHECK(dying == nullptr);
    CHECK(again == 1);
    CHECK(wheel.run(start + 1s, 100) == 1);
    CHECK(again == 2);
}
