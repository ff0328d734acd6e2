// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/timer.hpp>

#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

Task<int> twice(Worker& worker, int n) {
    co_await worker.sleep(10ms);
    co_return n * 2;
}

struct Alive {
    explicit Alive(int* count) : at(count) { ++*at; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { --*at; }
    int* at;
};

/// An owner that keeps one coroutine.
struct Owner final : detail::TaskRoot {
    using TaskRoot::TaskRoot;
    void on_finished(std::exception_ptr) override { finished = true; }
    bool finished = false;
};

}  // namespace

TEST_CASE("a task sleeps in virtual time, awaits others, and loops without growing the stack") {
    Simulation sim(1);
    int sum = 0;
    sim.spawn([&](Worker& worker) -> Task<> {
        const auto begin = worker.now();
        for (int i = 0; i < 1000; ++i) sum += co_await twice(worker, 1);
        CHECK(worker.now() - begin >= 10s);
        CHECK(worker.now() - begin < 11s);
    });
    REQUIRE(sim.run());
    CHECK(sum == 2000);
}

TEST_CASE("a million immediate answers in a loop do not overflow the stack") {
    Simulation sim(1);
    long sum = 0;
    sim.spawn([&](Worker&) -> Task<> {
        auto now = []() -> Task<int> { co_return 1; };
        for (int i = 0; i < 1'000'000; ++i) sum += co_await now();
    });
    REQUIRE(sim.run());
    CHECK(sum == 1'000'000);
}

TEST_CASE("an exception comes out of co_await, and out of run") {
    Simulation sim(1);
    auto bad = [](Worker& worker) -> Task<int> {
        co_await worker.sleep(1ms);
        throw std::runtime_error("bad");
    };
    std::string caught;
    sim.spawn([&](Worker& worker) -> Task<> {
        try {
            co_await bad(worker);
        } catch (const std::exception& e) {
            caught = e.what();
        }
        co_await bad(worker);
    });
    CHECK_THROWS_WITH(std::ignore = sim.run(), "bad");
    CHECK(caught == "bad");
}

TEST_CASE("a simulation in which nothing can happen any more says so") {
    Simulation sim(1);
    Answer<int> never;
    sim.spawn([&](Worker&) -> Task<> { co_await Awaitable<int>(never); });
    CHECK(sim.run().error() == Error::os(EDEADLK));
}

TEST_CASE("a frame may be destroyed in flight, inside itself, and inside a child") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    const core::Home::Entered entered(&worker);
    int alive = 0;
    {
        Owner owner(worker);  // in flight
        auto body = [](Worker& w, int* count) -> Task<> {
            const Alive mine(count);
            co_await w.sleep(1s);
            FAIL("it was destroyed");
        };
        owner.start(body(worker, &alive));
        CHECK(alive == 1);
        owner.destroy();
        CHECK(alive == 0);
    }
    {
        Owner owner(worker);  // inside itself
        auto body = [](Worker& w, Owner& own, int* count) -> Task<> {
            const Alive mine(count);
            own.destroy();
            CHECK(*count == 1);  // still runs, until it waits
            co_await w.sleep(1s);
        };
        owner.start(body(worker, owner, &alive));
        CHECK(alive == 0);
        CHECK_FALSE(owner.finished);
    }
    {
        Owner owner(worker);  // inside a child
        auto child = [](Worker& w, Owner& own, int* count) -> Task<> {
            const Alive mine(count);
            own.destroy();
            co_await w.sleep(1s);
        };
        auto body = [&child](Worker& w, Owner& own, int* count) -> Task<> {
            const Alive mine(count);
            co_await child(w, own, count);
        };
        owner.start(body(worker, owner, &alive));
        CHECK(alive == 0);
    }
    {
        Owner owner(worker);  // answered, but not resumed yet
        Answer<int> answer;
        auto body = [&answer](int* count) -> Task<> {
            const Alive mine(count);
            co_await Awaitable<int>(answer);
            FAIL("it was destroyed");
        };
        owner.start(body(&alive));
        answer.give(5);
        owner.destroy();
        CHECK(alive == 0);
        worker.turn(0ns);
    }
}

TEST_CASE("a call to another worker brings back its value, its error, or that the object is gone") {
    Reactor reactor({.workers = 2});
    const int answer = reactor.run_task([](Worker& worker) -> Task<int> {
        auto there = worker.reactor().worker(1);
        const auto index = co_await there.call(
            [](Worker& other, std::string text) { return text + std::to_string(other.index()); },
            std::string("worker "));
        if (!index || *index != "worker 1") co_return 1;
        const auto failed =
            co_await there.call([](Worker&) -> Result<int> { return fail(Error::user(3, "no")); });
        if (failed || failed.error() != Error::user(3, "no")) co_return 2;
        const auto threw =
            co_await there.call([](Worker&) -> int { throw std::runtime_error("on purpose"); });
        if (threw || threw.error() != Error::os(EFAULT)) co_return 3;
        for (int i = 0; i < 2000; ++i) {
            const auto n = co_await there.call([](Worker&, int k) { return k + 1; }, i);
            if (!n || *n != i + 1) co_return 4;
        }
        const auto nothing = co_await Remote<Worker>().call([](Worker&) {});
        co_return nothing ? 5 : 0;
    });
    CHECK(answer == 0);
}

TEST_CASE("run_task answers what the program answers, and 1 when it throws") {
    CHECK(Reactor({.workers = 1}).run_task([](Worker&) -> Task<int> { co_return 7; }) == 7);
    CHECK(Reactor({.workers = 1}).run_task([](Worker& w) -> Task<int> {
        co_await w.sleep(1ms);
        throw std::runtime_error("on purpose");
    }) == 1);
    CHECK(Reactor({.workers = 1}).run_task([](Worker& w) -> Task<int> {
        co_await w.sleep(1ms);
        throw 42;  // no std::exception
    }) == 1);
}

TEST_CASE("timers repeat at equal distances, may be cancelled, and may die inside their callback") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    int ticks = 0;
    {
        const core::Home::Entered entered(&worker);
        Timer every(worker, [&] { ++ticks; });
        every.arm_every(100ms);
        sim.run_for(10s + 1ms);
        CHECK(ticks == 100);
        every.cancel();
        sim.run_for(1s);
        CHECK(ticks == 100);

        std::unique_ptr<Timer> dying;
        dying = std::make_unique<Timer>(worker, [&] { dying.reset(); });
        dying->arm(1ms);
        sim.run_for(1s);
        CHECK(dying == nullptr);
    }
}
