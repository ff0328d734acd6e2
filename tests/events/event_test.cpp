// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/event.hpp>
#include <penstock/events/reactor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

#include "hand_worker.hpp"
#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

using Sums = std::vector<std::uint64_t>;

/// An event of a reactor's worker, and what it told.
struct Site {
    std::optional<Event::Trigger> trigger;
    std::atomic<std::uint64_t> sum = 0, calls = 0;
    std::shared_ptr<const int> counted = std::make_shared<const int>(0);
};

/// A worker's local, so that it dies with it.
struct Held {
    Held(Worker& worker, Site& site)
        : event(worker, [&site, counted = site.counted](std::uint64_t sum) {
              site.sum += sum;
              ++site.calls;
          }) {
        site.trigger = event.trigger();
    }
    Event event;
};

void hold(Worker& worker, test::Lent<Site> site) { worker.make_local<Held>(worker, *site); }

}  // namespace

TEST_CASE("an event tells the sum of many additions once, in the next turn") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    Sums told;
    Event event(worker, [&](std::uint64_t sum) { told.push_back(sum); });
    const auto trigger = event.trigger();
    trigger.add();
    trigger.add(2);
    trigger.add(0xFFFF'FFFF);
    CHECK(told.empty());
    CHECK(worker.has_work());
    worker.turn(0ns);
    CHECK(told == Sums{0x1'0000'0002});
    CHECK_FALSE(worker.has_work());
    worker.turn(0ns);
    CHECK(told.size() == 1);
    trigger.add(7);
    worker.turn(0ns);
    CHECK(told == Sums{0x1'0000'0002, 7});
}

TEST_CASE("who adds nothing to an event tells nothing") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    int calls = 0;
    Event event(worker, [&](std::uint64_t) { ++calls; });
    event.trigger().add(0);
    CHECK_FALSE(worker.has_work());
    worker.turn(0ns);
    CHECK(calls == 0);
}

TEST_CASE("what is added inside the callback is told in the next turn") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    Sums told;
    std::optional<Event> event;
    event.emplace(worker, [&](std::uint64_t sum) {
        told.push_back(sum);
        if (sum < 3) event->trigger().add(sum + 1);
    });
    event->trigger().add(1);
    worker.turn(0ns);
    CHECK(told == Sums{1});
    worker.turn(0ns);
    worker.turn(0ns);
    CHECK(told == Sums{1, 2, 3});
    CHECK_FALSE(worker.has_work());
}

TEST_CASE("an event is told behind what its thread had posted before, and never refused") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    static std::size_t posted_runs, runs_before;
    posted_runs = runs_before = 0;
    int calls = 0;
    Event event(worker, [&](std::uint64_t) {
        ++calls;
        runs_before = posted_runs;
    });
    const auto remote = worker.remote();
    std::size_t posts = 0;
    while (remote.post([](Worker&) { ++posted_runs; }) == Posted::ok) ++posts;
    REQUIRE(posts == Inbox::cells);
    event.trigger().add();
    for (std::size_t turns = 0; turns < posts / Worker::messages_per_turn_max; ++turns) worker.turn(0ns);
    worker.turn(0ns);
    CHECK(calls == 1);
    CHECK(runs_before == posts);
}

TEST_CASE("an event may die inside its callback, and the callback may throw then") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    alignas(Event) static std::array<std::byte, sizeof(Event)> place;
    static Event* event;
    int called = 0;
    auto counted = std::make_shared<const int>(1);
    event = new (place.data()) Event(worker, [&called, counted](std::uint64_t) {
        event->trigger().add();
        event->~Event();
        std::ranges::fill(place, std::byte(0xff));  // nobody may look at it any more
        CHECK(counted.use_count() == 2);            // the callback is whole while it runs
        ++called;
        throw std::runtime_error("on purpose");
    });
    event->trigger().add();
    sim.run_for(1s);
    CHECK(called == 1);
    CHECK(counted.use_count() == 1);
    CHECK_FALSE(worker.has_work());
}

TEST_CASE("what an event's callback throws is logged, and the event goes on") {
    const test::TemporaryFolder folder;
    test::HandWorker worker({.log = {.level = core::LogLevel::warn, .file = folder.file("log")}});
    Sums told;
    Event event(*worker, [&](std::uint64_t sum) {
        told.push_back(sum);
        if (sum == 1) throw std::runtime_error("on purpose");
    });
    event.trigger().add(1);
    worker.turn();
    event.trigger().add(2);
    worker.turn();
    CHECK(told == Sums{1, 2});
    worker.logger().flush();
    std::ifstream in(folder.file("log"));
    const std::string log{std::istreambuf_iterator<char>(in), {}};
    CHECK(log.find("on purpose") != std::string::npos);
    CHECK(log.find("where=event") != std::string::npos);
}

TEST_CASE("an event that dies takes its callback along, and what was added is told to nobody") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    auto counted = std::make_shared<const int>(1);
    int called = 0;
    std::optional<Event::Trigger> trigger;
    {
        Event event(worker, [&called, counted](std::uint64_t) { ++called; });
        trigger = event.trigger();
        trigger->add();
        CHECK(counted.use_count() == 2);
    }
    CHECK(counted.use_count() == 1);
    worker.turn(0ns);
    trigger->add();
    worker.turn(0ns);
    trigger.reset();
    CHECK(called == 0);
    CHECK_FALSE(worker.has_work());
}

TEST_CASE("a trigger may outlive its event, its worker and its reactor") {
    Site site;
    {
        Reactor reactor({.workers = 1});
        REQUIRE(reactor.start(hold, test::lent(site)));
        site.trigger->add(3);
        CHECK(test::comes([&] { return site.sum == 3; }));
        reactor.stop(0ns);
        site.trigger->add(1);
        CHECK(site.counted.use_count() == 1);
        Site other;  // the head of its inbox is used again: the old trigger is not taken for a new one
        REQUIRE(reactor.start(hold, test::lent(other)));
        site.trigger->add(1);
        other.trigger->add(5);
        CHECK(test::comes([&] { return other.sum == 5; }));
    }
    site.trigger->add(1);
    CHECK(site.sum == 3);
    CHECK(site.calls == 1);
}

TEST_CASE("an addition wakes a worker that sleeps") {
    Site site;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(hold, test::lent(site)));
    for (std::uint64_t round = 1; round <= 500; ++round) {
        site.trigger->add();
        REQUIRE(test::comes([&] { return site.sum == round; }));
        if (round % 50 == 0) std::this_thread::sleep_for(2ms);  // so that it sleeps deeply
    }
    CHECK(site.calls == 500);
}

TEST_CASE("of what four threads add to an event nothing is lost, and nothing is told twice") {
    Site site;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(hold, test::lent(site)));
    constexpr std::uint64_t each = 50'000;
    std::vector<std::thread> threads;
    std::atomic<std::uint64_t> added = 0;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, trigger = *site.trigger] {
            std::uint64_t sum = 0;
            for (std::uint64_t i = 1; i <= each; ++i) {
                trigger.add(i % 5);
                sum += i % 5;
            }
            added += sum;
        });
    for (auto& thread : threads) thread.join();
    CHECK(test::comes([&] { return site.sum == added; }));
    CHECK(site.calls <= 4 * each);
    reactor.stop(0ns);
    CHECK(site.sum == added);
}

TEST_CASE("threads may add to an event while its worker stops") {
    core::Logger quiet({.level = core::LogLevel::warn});
    for (int round = 0; round < 40; ++round) {
        Site site;
        Reactor reactor({.workers = 1, .logger = &quiet});
        REQUIRE(reactor.start(hold, test::lent(site)));
        std::atomic<std::uint64_t> added = 0;
        std::atomic<bool> is_over = false;
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; ++thread)
            threads.emplace_back([&, trigger = *site.trigger] {
                std::uint64_t count = 0;
                for (; !is_over; ++count) trigger.add();
                added += count;
            });
        CHECK(test::comes([&] { return site.calls >= 3; }));
        reactor.stop(0ns);
        const auto told = site.sum.load();
        std::this_thread::yield();
        is_over = true;
        for (auto& thread : threads) thread.join();
        CHECK(site.sum == told);
        CHECK(told <= added);
        CHECK(site.counted.use_count() == 1);
    }
}
