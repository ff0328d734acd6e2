// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/proc/processor.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::proc;

namespace {

template <class T>
struct At {
    T* it;
    T* operator->() const { return it; }
    T& operator*() const { return *it; }
    static constexpr bool sendable = true;
};
template <class T>
At<T> at(T& it) {
    return {&it};
}
void wait_for(const std::atomic<int>& value, int wanted) {
    for (auto now = value.load(); now != wanted; now = value.load()) value.wait(now);
}
constexpr auto hold = [](Queue&, At<std::atomic<int>> stage) {
    *stage = 1;
    stage->notify_all();
    wait_for(*stage, 2);
};
constexpr auto count = [](Queue&, At<std::atomic<int>> n) { ++*n; };

core::Logger& logger() {
    core::LogSettings settings;
    settings.level = LogLevel::off;
    static core::Logger out(settings);
    return out;
}

/// Lets a held queue go as soon as the stop has begun.
std::thread let_go_at_stop(Processor& jobs, std::atomic<int>& stage) {
    return std::thread([&] {
        while (jobs.add([](Queue&) {}) != Posted::stopped) std::this_thread::yield();
        stage = 2;
        stage.notify_all();
    });
}

}  // namespace

TEST_CASE("a stop within its deadline runs what waits") {
    Processor jobs({.queues = 1, .logger = &logger()});
    REQUIRE(jobs.start());
    std::atomic<int> stage = 0, ran = 0;
    REQUIRE(jobs.add(hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    for (int i = 0; i < 100; ++i) REQUIRE(jobs.add(count, at(ran)) == Posted::ok);
    auto helper = let_go_at_stop(jobs, stage);
    const auto stopped = jobs.stop(1min);
    helper.join();
    CHECK(ran == 100);
    CHECK(stopped.drained >= 101);
    CHECK(stopped.cut == 0);
    CHECK(jobs.add(count, at(ran)) == Posted::stopped);
}

TEST_CASE("at the deadline what has not begun dies, and what runs is waited for") {
    Processor jobs({.queues = 1, .logger = &logger()});
    REQUIRE(jobs.start());
    std::atomic<int> stage = 0, ran = 0;
    REQUIRE(jobs.add(hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    for (int i = 0; i < 100; ++i) REQUIRE(jobs.add(count, at(ran)) == Posted::ok);
    const auto mine = jobs.status(0).jobs;
    auto helper = let_go_at_stop(jobs, stage);
    const auto stopped = jobs.stop(0ns);
    helper.join();
    CHECK(mine == 101);
    CHECK(ran == 0);
    CHECK(stopped.drained == 1);
    CHECK(stopped.cut >= 100);
    CHECK(jobs.status(0).cut >= 100);
    CHECK(jobs.status(0).jobs == 0);
}

TEST_CASE("awaiters of jobs that die at a stop get its error, on their worker") {
    Processor jobs({.queues = 1, .logger = &logger()});
    REQUIRE(jobs.start());
    Reactor reactor({.workers = 1, .logger = &logger()});
    reactor.lend(jobs);
    std::atomic<int> stage = 0, waiting = 0, heard = 0;
    REQUIRE(jobs.add(hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    REQUIRE(reactor.start(
        [](Worker& worker, At<std::atomic<int>> w, At<std::atomic<int>> h) {
            auto body = [](Worker& on, At<std::atomic<int>> begun, At<std::atomic<int>> ended) -> Task<> {
                auto job = on.local<Processor>().run([](Queue&) {});
                ++*begun;
                begun->notify_all();
                auto result = co_await job;
                CHECK(Worker::current() == &on);
                REQUIRE_FALSE(result);
                CHECK(is(result.error(), Code::stopped));
                ++*ended;
                ended->notify_all();
            };
            for (int i = 0; i < 50; ++i) worker.spawn(body(worker, w, h));
        },
        at(waiting), at(heard)));
    wait_for(waiting, 50);
    auto helper = let_go_at_stop(jobs, stage);
    jobs.stop(0ns);
    helper.join();
    wait_for(heard, 50);
    reactor.stop(0ns);
}

TEST_CASE("workers that stop first: what their frames waited for runs, and its result dies") {
    Processor jobs({.queues = 1, .logger = &logger()});
    REQUIRE(jobs.start());
    std::atomic<int> stage = 0, waiting = 0, ran = 0;
    REQUIRE(jobs.add(hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    {
        Reactor reactor({.workers = 1, .logger = &logger()});
        reactor.lend(jobs);
        REQUIRE(reactor.start(
            [](Worker& worker, At<std::atomic<int>> w, At<std::atomic<int>> r) {
                auto body = [](Worker& on, At<std::atomic<int>> begun, At<std::atomic<int>> n) -> Task<> {
                    auto job = on.local<Processor>().run(
                        [](Queue&, At<std::atomic<int>> out) {
                            ++*out;
                            return std::string(1000, 'x');
                        },
                        n);
                    ++*begun;
                    begun->notify_all();
                    auto result = co_await job;
                    FAIL("the worker has stopped");
                };
                for (int i = 0; i < 50; ++i) worker.spawn(body(worker, w, r));
            },
            at(waiting), at(ran)));
        wait_for(waiting, 50);
        reactor.stop(0ns);
    }
    stage = 2;
    stage.notify_all();
    jobs.stop(1min);
    CHECK(ran == 50);
}

TEST_CASE("a stop ends what sleeps and what wants a delay, and runs slices to their end") {
    Processor jobs({.queues = 1, .logger = &logger()});
    REQUIRE(jobs.start());
    std::atomic<int> stage = 0, slices = 0, ticks = 0;
    constexpr auto sleep = [](Queue&, At<std::atomic<int>> n) {
        ++*n;
        return again(1h);
    };
    constexpr auto slice = [](Queue&, At<std::atomic<int>> n) { return ++*n == 1000 ? done() : again(); };
    REQUIRE(jobs.add(sleep, at(ticks)) == Posted::ok);
    REQUIRE(jobs.add(hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    REQUIRE(jobs.add(slice, at(slices)) == Posted::ok);
    REQUIRE(jobs.add(sleep, at(ticks)) == Posted::ok);
    auto helper = let_go_at_stop(jobs, stage);
    const auto stopped = jobs.stop(1min);
    helper.join();
    CHECK(slices == 1000);
    CHECK(ticks == 2);
    CHECK(stopped.cut == 1);  // the one that slept
}

TEST_CASE("a job that goes on for ever is cut by the deadline, and its awaiter told") {
    Processor jobs({.queues = 1, .logger = &logger()});
    REQUIRE(jobs.start());
    Reactor reactor({.workers = 1, .logger = &logger()});
    reactor.lend(jobs);
    std::atomic<int> turns = 0, code = 0;
    REQUIRE(reactor.start(
        [](Worker& worker, At<std::atomic<int>> n, At<std::atomic<int>> out) {
            auto body = [](Worker& on, At<std::atomic<int>> t, At<std::atomic<int>> c) -> Task<> {
                auto endless = [](Queue&, At<std::atomic<int>> k) {
                    ++*k;
                    k->notify_all();
                    return again();
                };
                auto result = co_await on.local<Processor>().run(endless, t);
                *c = result.error().code();
                c->notify_all();
            };
            worker.spawn(body(worker, n, out));
        },
        at(turns), at(code)));
    turns.wait(0);
    const auto stopped = jobs.stop(5ms);
    CHECK(stopped.cut == 1);
    wait_for(code, static_cast<int>(Code::stopped));
    reactor.stop(0ns);
}

TEST_CASE("jobs that come while it stops are refused or run, and none is lost") {
    for (int round = 0; round < 30; ++round) {
        Processor jobs({.queues = 2, .logger = &logger()});
        REQUIRE(jobs.start());
        std::atomic<int> ran = 0, taken_count = 0;
        std::vector<std::thread> senders;
        for (int t = 0; t < 3; ++t)
            senders.emplace_back([&] {
                for (;;) {
                    const auto posted = jobs.add(count, at(ran));
                    if (posted == Posted::stopped) return;
                    if (posted == Posted::ok) ++taken_count;
                }
            });
        while (ran == 0) std::this_thread::yield();
        const auto stopped = jobs.stop(round % 2 == 0 ? 1min : 0min);
        for (auto& sender : senders) sender.join();
        CHECK(taken_count - ran == static_cast<int>(stopped.cut));
        if (round % 2 == 0) CHECK(stopped.cut == 0);
    }
}

TEST_CASE("it may be started again, with new locals, made and freed on the queue's thread") {
    struct Local {
        Local() : made(std::this_thread::get_id()) { ++alive(); }
        ~Local() {
            CHECK(std::this_thread::get_id() == made);
            --alive();
        }
        static std::atomic<int>& alive() {
            static std::atomic<int> out = 0;
            return out;
        }
        std::thread::id made;
        int uses = 0;
    };
    Processor jobs({.queues = 1, .logger = &logger()});
    CHECK(jobs.queues() == 0);
    CHECK(jobs.add([](Queue&) {}) == Posted::stopped);
    CHECK(jobs.stop(0ns).drained == 0);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(jobs.start());
        constexpr auto use = [](Queue& queue) { CHECK(++queue.local<Local>().uses == 1); };
        REQUIRE(jobs.add(use) == Posted::ok);
        CHECK(jobs.stop(1min).cut == 0);
        CHECK(Local::alive() == 0);
        CHECK(jobs.add(use) == Posted::stopped);
    }
    CHECK(jobs.status(0).run == 3);
}

TEST_CASE("a processor that is never stopped stops in its destructor, waiting jobs and all") {
    std::atomic<int> stage = 0, ran = 0;
    auto jobs = std::make_unique<Processor>(ProcessorSettings{.queues = 1, .logger = &logger()});
    REQUIRE(jobs->start());
    REQUIRE(jobs->add(hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    for (int i = 0; i < 10; ++i) REQUIRE(jobs->add(count, at(ran)) == Posted::ok);
    auto helper = let_go_at_stop(*jobs, stage);
    jobs->stop(0ns);
    helper.join();
    jobs.reset();
    CHECK(ran == 0);
}
