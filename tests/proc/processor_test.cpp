// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/cpus.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/proc/processor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/resource.h>

using namespace penstock;
using namespace penstock::proc;

// Real threads: a Reactor, its workers, and the queues beside them.

namespace {

core::LogSettings quiet() {
    core::LogSettings out;
    out.level = LogLevel::off;
    return out;
}

struct Running {
    explicit Running(unsigned workers, ProcessorSettings settings = {}) {
        settings.queues = workers;
        settings.logger = &logger;
        jobs = std::make_unique<Processor>(settings);
        REQUIRE(jobs->start());
        reactor = std::make_unique<Reactor>(events::ReactorSettings{.workers = workers, .logger = &logger});
        reactor->lend(*jobs);
    }
    ~Running() {
        if (jobs != nullptr) jobs->stop(0ns);
        if (reactor != nullptr) reactor->stop(0ns);
    }
    core::Logger logger{quiet()};
    std::unique_ptr<Processor> jobs;
    std::unique_ptr<Reactor> reactor;
};

/// Lets a test's variable cross.
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

template <class T>
void wait_for(const std::atomic<T>& value, T wanted) {
    for (auto now = value.load(); now != wanted; now = value.load()) value.wait(now);
}

/// Counts how many of it are alive.
struct Token {
    explicit Token(std::atomic<int>* count) : alive(count) { ++*alive; }
    Token(Token&& other) noexcept : alive(std::exchange(other.alive, nullptr)) {}
    Token& operator=(Token&&) = delete;
    ~Token() {
        if (alive != nullptr) --*alive;
    }
    std::atomic<int>* alive;
    static constexpr bool sendable = true;
};

/// What came back by run_then: what runs there captures nothing.
std::atomic<int> heard;

constexpr auto hold = [](Queue&, At<std::atomic<int>> stage) {
    *stage = 1;  // runs
    stage->notify_all();
    wait_for(*stage, 2);
};
void let_go(std::atomic<int>& stage) {
    stage = 2;
    stage.notify_all();
}

}  // namespace

TEST_CASE("a queue is pinned beside its worker, at the lowest priority, and gets no signals") {
    std::atomic<int> done_count = 0;
    Running it(2);
    struct Seen {
        int cpu = -1, cpus = 0, policy = -1, nice = 0;
        unsigned index = 99;
        bool takes_sigterm = true, is_worker = true;
    };
    static constexpr auto look = [](Queue& queue) {
        Seen out;
        cpu_set_t set;
        CPU_ZERO(&set);
        ::sched_getaffinity(0, sizeof set, &set);
        out.cpus = CPU_COUNT(&set);
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &set)) out.cpu = cpu;
        out.policy = ::sched_getscheduler(0);
        out.nice = ::getpriority(PRIO_PROCESS, 0);
        out.index = queue.index();
        sigset_t blocked;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        out.takes_sigterm = sigismember(&blocked, SIGTERM) == 0;
        out.is_worker = Worker::current() != nullptr;
        return out;
    };
    std::vector<Seen> seen(2);
    int worker_nice = 99;
    REQUIRE(it.reactor->start(
        [](Worker& worker, At<std::atomic<int>> count, At<std::vector<Seen>> out, At<int> nice) {
            if (worker.index() == 0) *nice = ::getpriority(PRIO_PROCESS, 0);
            auto body = [](Worker& w, At<std::atomic<int>> n, At<std::vector<Seen>> all) -> Task<> {
                auto result = co_await w.local<Processor>().run(look);
                REQUIRE(result);
                CHECK(Worker::current() == &w);
                (*all)[w.index()] = *result;
                ++*n;
                n->notify_all();
            };
            worker.spawn(body(worker, count, out));
        },
        at(done_count), at(seen), at(worker_nice)));
    wait_for(done_count, 2);
    const auto plan = events::plan_cpus(2);
    for (unsigned i = 0; i < 2; ++i) {
        CHECK(seen[i].index == i);
        CHECK(seen[i].cpus == 1);
        CHECK(seen[i].cpu == plan.cpus[i]);
        CHECK(seen[i].cpu == it.reactor->status(i).cpu);
        CHECK(seen[i].cpu == it.jobs->status(i).cpu);
        CHECK(seen[i].policy == SCHED_BATCH);
        CHECK(seen[i].nice == 19);
        CHECK_FALSE(seen[i].takes_sigterm);
        CHECK_FALSE(seen[i].is_worker);
    }
    CHECK(worker_nice == ::getpriority(PRIO_PROCESS, 0));  // these threads only
}

TEST_CASE("await: values, owned arguments, errors, exceptions") {
    Running it(1);
    auto program = [](Worker& worker) -> Task<int> {
        auto& jobs = worker.local<Processor>();
        auto join = [](Queue&, std::string a, std::unique_ptr<std::string> b) {
            a += *b;
            return a;
        };
        auto joined = co_await jobs.run(join, std::string("a"), std::make_unique<std::string>("b"));
        CHECK(*joined == "ab");
        auto nothing = co_await jobs.run([](Queue&) {});
        CHECK(nothing.has_value());
        auto thrown = co_await jobs.run([](Queue&) -> int { throw std::runtime_error("x"); });
        CHECK(is(thrown.error(), Code::thrown));
        auto odd = co_await jobs.run([](Queue&) { throw 1; });
        CHECK(is(odd.error(), Code::thrown));
        auto state = [](Queue&, std::vector<int>& seen, int n) {
            seen.push_back(n);
            if (seen.size() == 2) throw std::runtime_error("at the second run");
            return again();
        };
        CHECK(is((co_await jobs.run(state, std::vector<int>(), 1)).error(), Code::thrown));
        CHECK(jobs.status(0).thrown == 3);
        co_return 0;
    };
    CHECK(it.reactor->run_task(program) == 0);
}

TEST_CASE("each of many jobs of many threads runs exactly once") {
    constexpr std::size_t threads = 4, each = 5000;
    std::vector<std::array<std::atomic<int>, each>> runs(threads);
    std::atomic<int> refused = 0;
    Running it(2, {.jobs_max = 64});
    std::vector<std::thread> senders;
    for (std::size_t t = 0; t < threads; ++t)
        senders.emplace_back([&, t] {
            constexpr auto mark = [](Queue&, At<std::atomic<int>> run) { ++*run; };
            for (std::size_t i = 0; i < each; ++i) {
                while (it.jobs->add(mark, at(runs[t][i])) != Posted::ok) {
                    ++refused;
                    std::this_thread::yield();
                }
            }
        });
    for (auto& sender : senders) sender.join();
    const auto stopped = it.jobs->stop(1min);
    CHECK(stopped.cut == 0);
    CHECK(it.jobs->status(0).run + it.jobs->status(1).run == threads * each);
    int wrong = 0;
    for (auto& of_one : runs)
        for (auto& run : of_one) wrong += run == 1 ? 0 : 1;
    CHECK(wrong == 0);
}

TEST_CASE("the jobs of one sender keep their order") {
    std::vector<int> seen[2];
    Running it(1, {.jobs_max = 100'000});
    std::vector<std::thread> senders;
    for (int t = 0; t < 2; ++t)
        senders.emplace_back([&, t] {
            constexpr auto note = [](Queue&, At<std::vector<int>> out, int n) { out->push_back(n); };
            for (int i = 0; i < 5000; ++i) REQUIRE(it.jobs->add(note, at(seen[t]), i) == Posted::ok);
        });
    for (auto& sender : senders) sender.join();
    it.jobs->stop(1min);
    for (auto& of_one : seen) {
        REQUIRE(of_one.size() == 5000);
        CHECK(std::ranges::is_sorted(of_one));
    }
}

TEST_CASE("cancel against run: each job either runs or dies, and never both") {
    constexpr int count = 3000;
    std::atomic<int> alive = 0, once = 0, repeated = 0;
    std::atomic<int> ready = 0;
    Running it(1, {.jobs_max = count});
    constexpr auto run = [](Queue&, Token, At<std::atomic<int>> ran) { ++*ran; };
    constexpr auto repeat = [](Queue&, Token&, At<std::atomic<int>> ran, int& left) {
        ++*ran;
        return --left == 0 ? done() : left % 2 == 0 ? again() : again(1us);
    };
    int cancelled = 0;
    // Handles pass through a slot each to a second thread, so that cancelling overlaps with adding and
    // running.
    std::vector<JobHandle> made(count);
    std::thread canceller([&] {
        for (int i = 0; i < count; ++i) {
            while (ready.load() <= i) std::this_thread::yield();
            cancelled += made[static_cast<std::size_t>(i)].cancel() ? 1 : 0;
        }
    });
    for (int i = 0; i < count; ++i) {
        auto handle = i % 2 == 0
                          ? it.jobs->add_with({.priority = Priority(i % 3)}, run, Token(&alive), at(once))
                          : it.jobs->add_with({}, repeat, Token(&alive), at(repeated), 5);
        REQUIRE(handle);
        made[static_cast<std::size_t>(i)] = std::move(*handle);
        ready = i + 1;
    }
    canceller.join();
    // What was neither cancelled nor doomed ends by itself.
    while (it.jobs->status(0).jobs > 0) std::this_thread::yield();
    it.jobs->stop(1min);
    CHECK(alive == 0);
    CHECK(cancelled + once <= count);
    CHECK(it.jobs->status(0).run == static_cast<std::uint64_t>(once + repeated));
    CHECK(it.jobs->status(0).jobs == 0);
}

TEST_CASE("cancel against run of plain jobs: the sum is exact") {
    constexpr int count = 5000;
    std::atomic<int> ran = 0;
    Running it(1, {.jobs_max = count});
    int cancelled = 0;
    for (int i = 0; i < count; ++i) {
        auto handle = it.jobs->add_with({}, [](Queue&, At<std::atomic<int>> n) { ++*n; }, at(ran));
        REQUIRE(handle);
        if (i % 3 == 0) std::this_thread::yield();
        cancelled += handle->cancel() ? 1 : 0;
    }
    it.jobs->stop(1min);
    CHECK(ran + cancelled == count);
    CHECK(it.jobs->status(0).jobs == 0);
}

TEST_CASE("add takes the least loaded queue") {
    std::atomic<int> stage = 0;
    Running it(2);
    REQUIRE(it.jobs->add(hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    const unsigned held = it.jobs->status(0).jobs == 1 ? 0 : 1;
    for (int i = 0; i < 50; ++i) {  // none waits behind the held one
        std::atomic<int> where = -1;
        REQUIRE(it.jobs->add(
                    [](Queue& queue, At<std::atomic<int>> out) {
                        *out = static_cast<int>(queue.index());
                        out->notify_all();
                    },
                    at(where)) == Posted::ok);
        where.wait(-1);
        CHECK(where == static_cast<int>(1 - held));
        while (it.jobs->status(1 - held).jobs > 0) std::this_thread::yield();
    }
    let_go(stage);
}

TEST_CASE("run_then calls back on the owner, from a worker and from elsewhere") {
    heard = 0;
    Running it(2);
    REQUIRE(it.reactor->start());
    static constexpr auto square = [](Queue&, int n) { return n * n; };
    constexpr auto bad = [](Queue&) -> int { throw std::runtime_error("x"); };
    static constexpr auto then = [](Worker& worker, Result<int> result) {
        CHECK(Worker::current() == &worker);
        CHECK(worker.index() == 1);
        heard += result ? *result : is(result.error(), Code::thrown) ? 1000 : 0;
        heard.notify_all();
    };
    const auto owner = it.reactor->worker(1);
    REQUIRE(it.jobs->run_then(owner, then, square, 5) == Posted::ok);
    wait_for(heard, 25);
    REQUIRE(it.jobs->run_then(owner, then, bad) == Posted::ok);
    wait_for(heard, 1025);
    REQUIRE(it.reactor->worker(0).post(
                [](Worker& worker, Remote<Worker> to) {
                    CHECK(worker.local<Processor>().run_then(to, then, square, 2) == Posted::ok);
                },
                owner) == Posted::ok);
    wait_for(heard, 1029);
}

TEST_CASE("run_then to a full inbox waits, keeps its place, and arrives once") {
    std::atomic<int> stage = 0;
    heard = 0;
    Running it(1, {.jobs_max = 4});
    REQUIRE(it.reactor->start());
    const auto owner = it.reactor->worker(0);
    REQUIRE(owner.post(
                [](Worker&, At<std::atomic<int>> s) {
                    *s = 1;
                    s->notify_all();
                    wait_for(*s, 2);
                },
                at(stage)) == Posted::ok);
    wait_for(stage, 1);
    while (owner.post([](Worker&) {}) == Posted::ok) {
    }
    constexpr auto then = [](Worker&, Result<void>) {
        ++heard;
        heard.notify_all();
    };
    for (int i = 0; i < 3; ++i) REQUIRE(it.jobs->run_then(owner, then, [](Queue&) {}) == Posted::ok);
    while (it.jobs->status(0).run < 3) std::this_thread::yield();
    CHECK(it.jobs->status(0).jobs >= 2);  // one may just be offered again
    let_go(stage);
    wait_for(heard, 3);
    while (it.jobs->status(0).jobs > 0) std::this_thread::yield();
    CHECK(heard == 3);
    CHECK(it.jobs->status(0).run == 3);
}

TEST_CASE("run_then to a worker that has stopped: the result dies") {
    std::atomic<int> stage = 0;
    Running it(1);
    REQUIRE(it.reactor->start());
    const auto owner = it.reactor->worker(0);
    REQUIRE(it.jobs->run_then(
                owner, [](Worker&, Result<void>) { FAIL("stopped"); }, hold, at(stage)) == Posted::ok);
    wait_for(stage, 1);
    it.reactor->stop(0ns);
    let_go(stage);
    CHECK(it.jobs->stop(1min).cut == 0);
    CHECK(it.jobs->status(0).run == 1);
}

TEST_CASE("frames that die while their jobs run, under load") {
    static constexpr int count = 2000;
    Running it(2, {.jobs_max = 2 * count});
    struct Owner final : events::detail::TaskRoot {
        using TaskRoot::TaskRoot;
        void on_finished(std::exception_ptr) override { finished = true; }
        bool finished = false;
    };
    auto program = [](Worker& worker) -> Task<int> {
        auto body = [](Processor& jobs, int n) -> Task<> {
            auto text = co_await jobs.run([](Queue&, const std::string& s, int) { return s + s; },
                                          std::string(100, 'x'), n);
            CHECK(text->size() == 200);
        };
        auto& jobs = worker.local<Processor>();
        int finished = 0;
        for (int i = 0; i < count / 20; ++i) {
            std::vector<std::unique_ptr<Owner>> owners;
            for (int k = 0; k < 20; ++k) {
                owners.push_back(std::make_unique<Owner>(worker));
                owners.back()->start(body(jobs, k));
            }
            if (i % 4 != 0) co_await worker.sleep(std::chrono::microseconds(i % 7 * 50));
            for (auto& owner : owners) {
                finished += owner->finished ? 1 : 0;
                if (!owner->finished) owner->destroy();
                worker.bury(std::move(owner));
            }
        }
        CHECK(finished < count);  // some went first
        co_return 0;
    };
    CHECK(it.reactor->run_task(program) == 0);
}
