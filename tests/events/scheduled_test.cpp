// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/pipe.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/scheduled.hpp>
#include <penstock/events/timer.hpp>

#include <algorithm>
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
#include <support/allocations.hpp>
#include <support/temporary_folder.hpp>
#include <unistd.h>

#include "hand_worker.hpp"
#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

/// What became of a scheduled function.
struct Fate {
    int runs = 0, cancelled = 0;
    TimePoint at;
    const Worker* current = nullptr;  // in whose thread
    friend bool operator==(const Fate& fate, std::pair<int, int> counts) {
        return fate.runs == counts.first && fate.cancelled == counts.second;
    }
};

void meet(Worker* worker, test::Lent<Fate> fate) {
    ++(worker != nullptr ? fate->runs : fate->cancelled);
    if (worker != nullptr) fate->at = worker->now();
    fate->current = Worker::current();
}

constexpr std::pair not_yet(0, 0), ran(1, 0), was_cancelled(0, 1);

using Order = std::vector<int>;
void note(Worker*, test::Lent<Order> order, int number) { order->push_back(number); }

}  // namespace

TEST_CASE("a scheduled function runs once, with its worker, when its time has passed") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    for (const std::chrono::nanoseconds after :
         {1ns, 1'000'000ns, 10'000'000'000ns, 3'600'000'000'000ns * 24 * 40}) {
        CAPTURE(after.count());
        Fate fate;
        const auto from = sim.now();
        schedule(worker.remote(), after, meet, test::lent(fate));
        CHECK(fate == not_yet);
        sim.run_for(after - 1ns);
        CHECK(fate == not_yet);
        sim.run_for(after / 1000 + 10 * TimerWheel::tick);
        CHECK(fate == ran);
        CHECK(fate.current == &worker);
        CHECK(fate.at - from >= after);
        CHECK(fate.at - from <= after + TimerWheel::tick);
        sim.run_for(2 * after);
        CHECK(fate == ran);
    }
}

TEST_CASE("one that is due at once runs in the next turn, in the order of its thread's calls and posts") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    const auto remote = worker.remote();
    Order order;
    auto post = [](Worker&, test::Lent<Order> at, int number) { at->push_back(number); };
    CHECK(remote.post(post, test::lent(order), 1) == Posted::ok);
    schedule(remote, 0ns, note, test::lent(order), 2);
    CHECK(remote.post(post, test::lent(order), 3) == Posted::ok);
    schedule(remote, -1h, note, test::lent(order), 4);
    schedule(remote, std::chrono::nanoseconds::min(), note, test::lent(order), 5);
    CHECK(remote.post(post, test::lent(order), 6) == Posted::ok);
    CHECK(order.empty());
    worker.turn(0ns);
    CHECK(order == Order{1, 2, 3, 4, 5, 6});
}

TEST_CASE("one that was scheduled for the same time runs behind what was scheduled before") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    Order order;
    for (int i = 0; i < 20; ++i) schedule(worker.remote(), 5ms, note, test::lent(order), i);
    sim.run_for(1s);
    Order sorted = order;
    std::ranges::sort(sorted);
    CHECK(order.size() == 20);
    CHECK(order == sorted);
}

TEST_CASE("one whose time never comes is run at the worker's end, as cancelled") {
    Fate fate;
    {
        Simulation sim(1);
        schedule(sim.add_host().remote(), std::chrono::nanoseconds::max(), meet, test::lent(fate));
        sim.run_for(24h * 100);
        CHECK(fate == not_yet);
    }
    CHECK(fate == was_cancelled);
}

TEST_CASE("a time counts from the call, also when that comes late in a turn") {
    test::HandClock clock;
    test::HandWorker worker({.clock = &clock});
    static Fate fate;
    fate = {};
    struct Late final : PipeReadHandler {
        explicit Late(test::HandClock& c) : clock(c) {}
        void on_read(PipeReader& reader, Slice) override {
            clock.pass(50ms);  // busy
            schedule(reader.worker().remote(), 30ms, meet, test::lent(fate));
        }
        test::HandClock& clock;
    };
    auto ends = open_pipe();
    REQUIRE(ends);
    auto reader = std::make_unique<PipeReader>(*worker, std::make_unique<Late>(clock));
    REQUIRE(reader.release()->start(std::move(ends->read)));
    REQUIRE(::write(ends->write.number(), "x", 1) == 1);
    REQUIRE(worker.turn_until([&] { return clock.now() > TimePoint(1h); }));
    worker.turn();
    clock.pass(29ms);
    worker.turn();
    CHECK(fate == not_yet);
    clock.pass(1ms + TimerWheel::tick);
    worker.turn();
    CHECK(fate == ran);
}

TEST_CASE("one that is cancelled is run as cancelled, soon, once, by its worker") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    Fate early, late, same;
    const auto first = schedule(worker.remote(), 1h, meet, test::lent(early));
    first.cancel();  // still on its way
    const auto second = schedule(worker.remote(), 1h, meet, test::lent(late));
    worker.turn(0ns);
    CHECK(early == was_cancelled);
    CHECK(early.current == &worker);
    CHECK(late == not_yet);
    second.cancel();
    CHECK(late == not_yet);
    worker.turn(0ns);
    CHECK(late == was_cancelled);
    CHECK(late.current == &worker);
    const auto third = schedule(worker.remote(), 0ns, meet, test::lent(same));
    third.cancel();
    worker.turn(0ns);
    CHECK(same == was_cancelled);
    for (const auto& again : {first, second, third}) again.cancel();
    sim.run_for(2h);
    CHECK(early == was_cancelled);
    CHECK(late == was_cancelled);
    CHECK(same == was_cancelled);
}

TEST_CASE("cancelling what ran changes nothing, nor does cancelling nothing") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    Fate fate;
    const auto scheduled = schedule(worker.remote(), 1ms, meet, test::lent(fate));
    sim.run_for(1s);
    CHECK(fate == ran);
    scheduled.cancel();
    Scheduled().cancel();
    sim.run_for(1s);
    CHECK(fate == ran);
}

TEST_CASE("once it is cancelled it is not run with its worker, also when its time comes first") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    Fate fate;
    std::optional<Scheduled> scheduled;
    Timer before(worker, [&] { scheduled->cancel(); });
    before.arm(10ms);  // of the same tick, and before it in the list
    scheduled = schedule(worker.remote(), 10ms, meet, test::lent(fate));
    sim.run_for(9ms);
    CHECK(fate == not_yet);
    sim.run_for(1s);
    CHECK(fate == was_cancelled);
}

TEST_CASE("a function may cancel its own, and others, and schedule anew") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    struct Site {
        std::vector<Scheduled> all;
        Fate other, next;
        int calls = 0;
    } site;
    auto again = [](Worker* on, test::Lent<Site> at) {
        ++at->calls;
        for (const auto& one : at->all) one.cancel();
        if (on != nullptr) schedule(on->remote(), 1ms, meet, test::lent(at->next));
    };
    site.all.push_back(schedule(worker.remote(), 1ms, again, test::lent(site)));
    site.all.push_back(schedule(worker.remote(), 1h, meet, test::lent(site.other)));
    sim.run_for(1s);
    CHECK(site.calls == 1);
    CHECK(site.other == was_cancelled);
    CHECK(site.next == ran);
}

TEST_CASE("of many, each runs once, whichever are cancelled, and when") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        core::SeededRandom random(seed);
        auto below = [&](std::uint64_t end) { return static_cast<std::size_t>(random.below(end)); };
        std::vector<Fate> fates(300);
        std::vector<bool> is_cancelled(fates.size());
        {
            Simulation sim(seed);
            auto& worker = sim.add_host();
            std::vector<Scheduled> handles;
            for (auto& fate : fates) {
                handles.push_back(schedule(worker.remote(), std::chrono::microseconds(below(100'000)), meet,
                                           test::lent(fate)));
                if (below(3) == 0) {
                    const auto at = below(handles.size());
                    if (fates[at] == not_yet) is_cancelled[at] = true;
                    handles[at].cancel();
                }
                if (below(5) == 0) worker.turn(0ns);
                if (below(10) == 0) sim.run_for(std::chrono::microseconds(below(3'000)));
            }
            sim.run_for(std::chrono::microseconds(below(100'000)));
        }
        for (std::size_t i = 0; i < fates.size(); ++i) {
            CHECK(fates[i].runs + fates[i].cancelled == 1);
            if (is_cancelled[i]) CHECK(fates[i].runs == 0);
        }
    }
}

TEST_CASE("what a worker still had to run when it stops runs as cancelled, in its thread, before the end") {
    Simulation sim(1);
    test::HandClock clock;
    test::HandWorker worker({.clock = &clock});
    auto* const self = &*worker;
    Fate waits, arrives, cancelled;
    schedule(worker->remote(), 1h, meet, test::lent(waits));
    const auto scheduled = schedule(worker->remote(), 1h, meet, test::lent(cancelled));
    worker.turn();
    schedule(worker->remote(), 1ms, meet, test::lent(arrives));
    scheduled.cancel();
    clock.pass(2h);
    worker.stop();
    for (const auto* fate : {&waits, &arrives, &cancelled}) {
        CHECK(*fate == was_cancelled);
        CHECK(fate->current == self);
    }
}

TEST_CASE("what is scheduled while the worker ends runs as cancelled too") {
    struct Site {
        int calls = 0;
        std::optional<Remote<Worker>> worker;
    } site;
    struct Again {
        static void call(Worker* worker, test::Lent<Site> at) {
            CHECK(worker == nullptr);
            if (++at->calls < 3) schedule(*at->worker, 1ms, call, at);
        }
    };
    {
        Simulation sim(1);
        auto& worker = sim.add_host();
        site.worker = worker.remote();
        schedule(*site.worker, 1h, Again::call, test::lent(site));
        worker.turn(0ns);
    }
    CHECK(site.calls == 3);
}

TEST_CASE("for a worker that has stopped it is run as cancelled at once, where it is scheduled") {
    Fate none, stopped;
    schedule(Remote<Worker>(), 1h, meet, test::lent(none)).cancel();
    CHECK(none == was_cancelled);
    Remote<Worker> remote;
    {
        Simulation sim(1);
        remote = sim.add_host().remote();
    }
    const auto scheduled = schedule(remote, 0ns, meet, test::lent(stopped));
    CHECK(stopped == was_cancelled);
    CHECK(stopped.current == nullptr);
    scheduled.cancel();
    CHECK(stopped == was_cancelled);
}

TEST_CASE("scheduling is never refused for want of room, nor is cancelling") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    const auto remote = worker.remote();
    while (remote.post([](Worker&) {}) == Posted::ok) {
    }
    std::vector<Fate> fates(10'000);
    std::vector<Scheduled> handles;
    for (auto& fate : fates) handles.push_back(schedule(remote, 1ms, meet, test::lent(fate)));
    for (std::size_t i = 0; i < fates.size(); i += 2) handles[i].cancel();
    sim.run_for(1s);
    for (std::size_t i = 0; i < fates.size(); ++i) CHECK(fates[i] == (i % 2 == 0 ? was_cancelled : ran));
}

TEST_CASE("what a scheduled function throws is logged, and the others run") {
    const test::TemporaryFolder folder;
    test::HandClock clock;
    test::HandWorker worker(
        {.clock = &clock, .log = {.level = core::LogLevel::warn, .file = folder.file("log")}});
    auto fail = [](Worker* on) {
        if (on != nullptr) throw std::runtime_error("with a worker");
        throw std::runtime_error("without a worker");
    };
    Fate fate;
    schedule(worker->remote(), 1ms, fail);
    schedule(worker->remote(), 1h, fail).cancel();
    schedule(worker->remote(), 1ms, meet, test::lent(fate));
    worker.turn();
    clock.pass(10ms);
    worker.turn();
    CHECK(fate == ran);
    schedule(Remote<Worker>(), 0ns, fail);  // nobody's log, but no harm
    worker.logger().flush();
    std::ifstream in(folder.file("log"));
    const std::string log{std::istreambuf_iterator<char>(in), {}};
    CHECK(log.find("with a worker") != std::string::npos);
    CHECK(log.find("without a worker") != std::string::npos);
}

TEST_CASE("arguments cross by move") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    static int sum;
    sum = 0;
    auto add = [](Worker*, std::unique_ptr<int> one, const std::vector<int>& more) {
        for (const int number : more) sum += number;
        sum += *one;
    };
    schedule(worker.remote(), 1ms, add, std::make_unique<int>(1), std::vector{2, 3});
    sim.run_for(1s);
    CHECK(sum == 6);
}

TEST_CASE("scheduling allocates twice at most, cancelling never") {
    if (!test::allocations_are_counted) return;
    Simulation sim(1);
    auto& worker = sim.add_host();
    Fate fate;
    auto allocations = [&](auto call) {
        const auto before = test::allocations_of_this_thread();
        call();
        return test::allocations_of_this_thread() - before;
    };
    schedule(worker.remote(), 1ms, meet, test::lent(fate));
    sim.run_for(1s);
    Scheduled scheduled;
    CHECK(allocations([&] { scheduled = schedule(worker.remote(), 1ms, meet, test::lent(fate)); }) <= 2);
    CHECK(allocations([&] { scheduled.cancel(); }) == 0);
    CHECK(allocations([&] { worker.turn(0ns); }) == 0);
}

namespace {

struct Counts {
    std::atomic<int> runs = 0, cancelled = 0, in_wrong_thread = 0;
};

struct Race {
    explicit Race(std::size_t size) : items(size), handles(size), made(size) {}
    std::vector<Counts> items;
    std::vector<Scheduled> handles;
    std::vector<std::atomic<bool>> made;
    std::atomic<std::size_t> done = 0;
};

thread_local std::size_t this_maker = 0;  // 0: none

void count(Worker* worker, test::Lent<Counts> item, test::Lent<Race> race, std::size_t maker) {
    ++(worker != nullptr ? item->runs : item->cancelled);
    const bool is_here =
        worker != nullptr ? Worker::current() == worker : Worker::current() != nullptr || this_maker == maker;
    if (!is_here) ++item->in_wrong_thread;
    ++race->done;
}

}  // namespace

TEST_CASE("each runs once, with its worker or as cancelled, while threads schedule, cancel and stop it") {
    constexpr std::size_t makers = 3, each = 100, rounds = 60;
    core::Logger quiet({.level = core::LogLevel::warn});
    std::size_t runs = 0, cancelled = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
        CAPTURE(round);
        Race race(makers * each);
        Reactor reactor({.workers = 2, .logger = &quiet});
        REQUIRE(reactor.start());
        std::vector<std::thread> threads;
        std::atomic<bool> is_over = false;
        for (std::size_t maker = 0; maker < makers; ++maker)
            threads.emplace_back([&, maker, remotes = std::array{reactor.worker(0), reactor.worker(1)}] {
                core::SeededRandom random(round * makers + maker);
                this_maker = maker + 1;
                for (auto i = maker * each; i < (maker + 1) * each; ++i) {
                    const std::chrono::microseconds after(random.below(4) == 0 ? 0 : random.below(1'500));
                    race.handles[i] = schedule(remotes[random.below(2)], after, count,
                                               test::lent(race.items[i]), test::lent(race), this_maker);
                    race.made[i].store(true, std::memory_order_release);
                    if (random.below(4) == 0) race.handles[i].cancel();
                    if (random.below(8) == 0) std::this_thread::yield();
                }
            });
        for (std::size_t canceller = 0; canceller < 2; ++canceller)
            threads.emplace_back([&, canceller] {
                core::SeededRandom random(1000 + round * 2 + canceller);
                while (!is_over) {
                    const auto i = random.below(race.items.size());
                    if (race.made[i].load(std::memory_order_acquire) && random.below(3) == 0) {
                        const auto mine = race.handles[i];
                        mine.cancel();
                    }
                    std::this_thread::yield();
                }
            });
        // In the middle, at the end, or at once.
        const auto until = round % 3 == 0 ? 0 : round % 3 == 1 ? race.items.size() / 3 : race.items.size();
        CHECK(test::comes([&] { return race.done >= until; }));
        reactor.stop(0ns);
        for (std::size_t i = 0; i < makers; ++i) threads[i].join();
        is_over = true;
        for (std::size_t i = makers; i < threads.size(); ++i) threads[i].join();
        int wrong = 0;
        for (const auto& item : race.items) {
            if (item.runs + item.cancelled != 1 || item.in_wrong_thread != 0) ++wrong;
            runs += static_cast<std::size_t>(item.runs);
            cancelled += static_cast<std::size_t>(item.cancelled);
        }
        CHECK(wrong == 0);
    }
    CHECK(runs > 0);
    CHECK(cancelled > 0);
    CHECK(runs + cancelled == rounds * makers * each);
}
