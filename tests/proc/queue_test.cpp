// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/proc/processor.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::proc;

// Queues without threads: what runs when is decided by the test, and time is virtual.

namespace {

/// Where jobs of a test note; one thread runs it all, so a pointer may cross.
struct Notes {
    std::vector<std::string>* lines;
    static constexpr bool sendable = true;
    void add(std::string line) const { lines->push_back(std::move(line)); }
};

struct Inline {
    explicit Inline(ProcessorSettings settings = {.queues = 1}) : jobs(with(settings, logger)) {
        REQUIRE(jobs.start_inline(sim.clock()));
    }
    void run_all() {
        while (jobs.step()) {
        }
    }
    /// Runs queues and workers until `time` has passed, as a simulation's scheduler would.
    void run_for(std::chrono::nanoseconds time) {
        const auto end = sim.now() + time;
        for (;;) {
            run_all();
            sim.run_for(0ns);
            const auto due = jobs.next_due();
            if (due && *due <= sim.now()) continue;
            const auto next = due ? std::min(*due, end) : end;
            if (next <= sim.now()) return;
            sim.run_for(next - sim.now());
        }
    }
    static ProcessorSettings with(ProcessorSettings settings, core::Logger& logger) {
        settings.logger = &logger;
        return settings;
    }
    core::Logger logger{{.level = LogLevel::off}};
    events::Simulation sim{1};
    Processor jobs;
    std::vector<std::string> lines;
    Notes notes{&lines};
};

constexpr auto note = [](Queue&, Notes notes, std::string line) { notes.add(std::move(line)); };

struct Shared {
    JobHandle handle;
    int runs = 0;
};
struct Box {
    Shared* at;
    static constexpr bool sendable = true;
};

/// Counts how many of it are alive.
struct Token {
    explicit Token(int* count) : at(count) { ++*at; }
    Token(Token&& other) noexcept : at(std::exchange(other.at, nullptr)) {}
    Token& operator=(Token&&) = delete;
    ~Token() {
        if (at != nullptr) --*at;
    }
    int* at;
    static constexpr bool sendable = true;
};

}  // namespace

TEST_CASE("jobs of one priority keep their order, and higher ones are first") {
    Inline it;
    for (const auto* line : {"a", "b"}) REQUIRE(it.jobs.add(note, it.notes, std::string(line)) == Posted::ok);
    REQUIRE(it.jobs.add_with({.priority = Priority::low}, note, it.notes, std::string("low")));
    REQUIRE(it.jobs.add_with({.priority = Priority::high}, note, it.notes, std::string("high")));
    REQUIRE(it.jobs.add(note, it.notes, std::string("c")) == Posted::ok);
    it.run_all();
    CHECK(it.lines == std::vector<std::string>{"high", "a", "b", "c", "low"});
}

TEST_CASE("a low job runs though high ones never end") {
    Inline it;
    constexpr auto endless = [](Queue&) { return again(); };
    auto high = it.jobs.add_with({.priority = Priority::high}, endless);
    REQUIRE(high);
    REQUIRE(it.jobs.add_with({.priority = Priority::low}, note, it.notes, std::string("low")));
    int steps = 0;
    while (it.lines.empty() && steps < 100) {
        it.jobs.step();
        ++steps;
    }
    CHECK(steps == 9);
    CHECK(high->cancel());
}

TEST_CASE("again at once lets all that waits go first") {
    Inline it;
    constexpr auto slices = [](Queue&, Notes notes, int& left) {
        notes.add("slice");
        return --left == 0 ? done() : again();
    };
    REQUIRE(it.jobs.add(slices, it.notes, 3) == Posted::ok);
    REQUIRE(it.jobs.add(note, it.notes, std::string("a")) == Posted::ok);
    CHECK(it.jobs.step());
    REQUIRE(it.jobs.add(note, it.notes, std::string("b")) == Posted::ok);
    it.run_all();
    CHECK(it.lines == std::vector<std::string>{"slice", "a", "slice", "b", "slice"});
}

TEST_CASE("again after a delay sleeps until then, and no longer") {
    Inline it;
    constexpr auto tick = [](Queue& queue, std::vector<core::TimePoint>& seen, Notes notes) {
        seen.push_back(queue.now());
        if (seen.size() < 3) return again(10ms);
        for (std::size_t i = 1; i < seen.size(); ++i)
            notes.add(std::to_string((seen[i] - seen[i - 1]).count()));
        return done();
    };
    REQUIRE(it.jobs.add(tick, std::vector<core::TimePoint>(), it.notes) == Posted::ok);
    CHECK(it.jobs.next_due());
    it.run_all();
    CHECK(it.jobs.next_due() == it.sim.now() + 10ms);
    CHECK_FALSE(it.jobs.step());  // a queue of only `again` sleeps
    it.run_for(9'999'999ns);
    CHECK(it.jobs.status(0).run == 1);
    it.run_for(1ns);
    CHECK(it.jobs.status(0).run == 2);
    it.run_for(1h);
    CHECK(it.lines == std::vector<std::string>{"10000000", "10000000"});
    CHECK_FALSE(it.jobs.next_due());
    CHECK(it.jobs.status(0).jobs == 0);
}

TEST_CASE("full is an answer at exactly jobs_max, and touches no argument") {
    Inline it({.queues = 1, .jobs_max = 2});
    auto text = std::string(100, 'x');
    REQUIRE(it.jobs.add(note, it.notes, std::string("a")) == Posted::ok);
    REQUIRE(it.jobs.add(note, it.notes, std::string("b")) == Posted::ok);
    CHECK(it.jobs.add(note, it.notes, std::move(text)) == Posted::full);
    CHECK(text.size() == 100);  // NOLINT(bugprone-use-after-move): refused, so it was not moved
    auto handle = it.jobs.add_with({}, note, it.notes, std::move(text));
    REQUIRE_FALSE(handle);
    CHECK(is(handle.error(), Code::full));
    CHECK(text.size() == 100);  // NOLINT(bugprone-use-after-move): refused, so it was not moved
    CHECK(it.jobs.step());
    CHECK(it.jobs.add(note, it.notes, std::move(text)) == Posted::ok);
    it.run_all();
    CHECK(it.lines.size() == 3);
}

TEST_CASE("a job that is cancelled dies at once, unrun, with its arguments") {
    Inline it({.queues = 1, .jobs_max = 1});
    int alive = 0;
    constexpr auto keep = [](Queue&, Token, Notes notes) { notes.add("ran"); };
    auto handle = it.jobs.add_with({}, keep, Token(&alive), it.notes);
    REQUIRE(handle);
    CHECK(alive == 1);
    CHECK(handle->cancel());
    CHECK(alive == 0);
    CHECK_FALSE(handle->cancel());
    it.run_all();
    CHECK(it.lines.empty());
    CHECK(it.jobs.status(0).jobs == 0);
    CHECK(it.jobs.status(0).run == 0);

    handle = it.jobs.add_with({}, keep, Token(&alive), it.notes);
    REQUIRE(handle);
    it.run_all();
    CHECK(it.lines.size() == 1);
    CHECK(alive == 0);  // though the handle keeps the node
    CHECK_FALSE(handle->cancel());
}

TEST_CASE("a sleeping job that is cancelled gives its place back before it is due") {
    Inline it({.queues = 1, .jobs_max = 1});
    constexpr auto sleep = [](Queue&) { return again(1h); };
    auto handle = it.jobs.add_with({}, sleep);
    REQUIRE(handle);
    it.run_all();
    CHECK(it.jobs.add(note, it.notes, std::string("a")) == Posted::full);
    CHECK(handle->cancel());
    it.run_all();
    CHECK(it.jobs.add(note, it.notes, std::string("b")) == Posted::ok);
    it.run_all();
    CHECK(it.lines == std::vector<std::string>{"b"});
}

TEST_CASE("a job that cancels itself while it runs is not run again") {
    Inline it;
    Shared shared;
    constexpr auto once = [](Queue&, Box box) {
        ++box.at->runs;
        CHECK_FALSE(box.at->handle.cancel());
        return again();
    };
    auto handle = it.jobs.add_with({}, once, Box{&shared});
    REQUIRE(handle);
    shared.handle = std::move(*handle);
    it.run_all();
    CHECK(shared.runs == 1);
    CHECK(it.jobs.status(0).jobs == 0);
}

TEST_CASE("a handle outlives its job and its processor") {
    JobHandle handle;
    CHECK_FALSE(handle.cancel());
    {
        Inline it;
        auto made = it.jobs.add_with({}, note, it.notes, std::string("a"));
        REQUIRE(made);
        handle = std::move(*made);
    }
    CHECK_FALSE(handle.cancel());
}

TEST_CASE("locals are made once, at first use, and one that throws is tried again") {
    Inline it;
    struct Connection {
        explicit Connection(Queue& queue) : owner(&queue) {
            if (queue.find_local<int>() == nullptr) throw std::runtime_error("no server");
        }
        Queue* owner;
        int calls = 0;
    };
    constexpr auto call = [](Queue& queue, Notes notes) {
        auto& connection = queue.local<Connection>();
        CHECK(connection.owner == &queue);
        notes.add(std::to_string(++connection.calls));
    };
    constexpr auto start = [](Queue& queue) { queue.make_local<int>(7); };
    REQUIRE(it.jobs.add(call, it.notes) == Posted::ok);
    REQUIRE(it.jobs.add(start) == Posted::ok);
    REQUIRE(it.jobs.add(call, it.notes) == Posted::ok);
    REQUIRE(it.jobs.add(call, it.notes) == Posted::ok);
    it.run_all();
    CHECK(it.lines == std::vector<std::string>{"1", "2"});
    CHECK(it.jobs.status(0).thrown == 1);
}

TEST_CASE("a job adds others to its own queue") {
    Inline it({.queues = 1, .jobs_max = 3});
    constexpr auto fork = [](Queue& queue, Notes notes) {
        for (int i = 0; i < 3; ++i)
            notes.add(queue.add(note, notes, std::string("child")) == Posted::ok ? "ok" : "full");
    };
    REQUIRE(it.jobs.add(fork, it.notes) == Posted::ok);  // has a place too, while it runs
    it.run_all();
    CHECK(it.lines == std::vector<std::string>{"ok", "ok", "full", "child", "child"});
}

TEST_CASE("a simulated worker awaits a job, the run is driven by one thread") {
    Inline it;
    std::vector<std::string> heard;
    it.sim.spawn([&](events::Worker& worker) -> Task<> {
        CHECK(events::Worker::current() == &worker);
        auto add = [](Queue&, int a, int b) {
            CHECK(events::Worker::current() == nullptr);  // a queue is no worker
            return a + b;
        };
        auto bad = [](Queue&) -> Result<int> { return fail(Error::user(7, "refused")); };
        auto waits = [](Queue&, int& left) { return --left == 0 ? done() : again(1s); };
        auto sum = co_await it.jobs.run(add, 1, 2);
        heard.push_back(sum ? std::to_string(*sum) : sum.error().message());
        auto refused = co_await it.jobs.run(bad);
        CHECK(refused.error() == Error::user(7, nullptr));
        const auto before = worker.now();
        auto repeated = co_await it.jobs.run(waits, 3);
        CHECK(repeated.has_value());
        CHECK(worker.now() - before >= 2s);
        heard.push_back("end");
    });
    it.run_for(3s);
    CHECK(heard == std::vector<std::string>{"3", "end"});
}

TEST_CASE("a frame that goes before its result: the job runs, and the result dies on the worker") {
    Inline it;
    int alive = 0;
    auto& worker = it.sim.add_host();
    struct Owner final : events::detail::TaskRoot {
        using TaskRoot::TaskRoot;
        void on_finished(std::exception_ptr) override { FAIL("it was destroyed"); }
    };
    static constexpr auto give = [](Queue&, Token token, Notes notes) {
        notes.add("ran");
        return token;
    };
    {
        const core::Home::Entered entered(&worker);
        Owner owner(worker);
        auto body = [](Processor& jobs, int* count, Notes notes) -> Task<> {
            auto token = co_await jobs.run(give, Token(count), notes);
            FAIL("it was destroyed");
        };
        owner.start(body(it.jobs, &alive, it.notes));
        owner.destroy();
    }
    it.run_all();
    CHECK(it.lines.size() == 1);
    CHECK(alive == 1);  // on its way to the worker
    it.sim.run_for(0ns);
    CHECK(alive == 0);
}

TEST_CASE("run answers full and stopped at once") {
    Inline it({.queues = 1, .jobs_max = 1});
    std::vector<Error> errors;
    it.sim.spawn([&](events::Worker&) -> Task<> {
        auto nothing = [](Queue&) {};
        REQUIRE(it.jobs.add(nothing) == Posted::ok);
        errors.push_back((co_await it.jobs.run(nothing)).error());
        it.jobs.stop(0ns);
        errors.push_back((co_await it.jobs.run(nothing)).error());
    });
    it.sim.run_for(0ns);
    REQUIRE(errors.size() == 2);
    CHECK(is(errors[0], Code::full));
    CHECK(is(errors[1], Code::stopped));
}

TEST_CASE("a result's place is free again before the result is known") {
    Inline it({.queues = 1, .jobs_max = 1});
    int good = 0;
    it.sim.spawn([&](events::Worker&) -> Task<> {
        auto nothing = [](Queue&) {};
        for (int i = 0; i < 10; ++i) good += (co_await it.jobs.run(nothing)).has_value() ? 1 : 0;
    });
    it.run_for(1ms);
    CHECK(good == 10);
}
