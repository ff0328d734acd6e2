// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/proc/processor.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::proc;

// Queues that the scheduler of a simulation runs.

namespace {

/// One thread runs it all, so a pointer may cross.
struct Notes {
    std::vector<std::string>* lines;
    static constexpr bool sendable = true;
    void add(std::string line) const { lines->push_back(std::move(line)); }
};

}  // namespace

TEST_CASE("the scheduler of a simulation runs the queues, and results come home") {
    for (const auto seed : events::seeds(20)) {
        CAPTURE(seed);
        std::vector<std::string> lines;
        const Notes notes{&lines};
        events::Simulation sim(seed);
        Processor jobs({.queues = 2});
        REQUIRE(jobs.start(sim));
        CHECK(jobs.queues() == 2);
        sim.spawn([&](Worker& worker) -> Task<> {
            const auto sum = co_await jobs.run([](Queue&, int a, int b) { return a + b; }, 3, 4);
            CHECK(sum.value_or(0) == 7);
            CHECK(Worker::current() == &worker);
            const auto before = worker.now();
            const auto slept = co_await jobs.run(
                [](Queue&, int& rounds) { return --rounds == 0 ? done() : again(10ms); }, 4);
            CHECK(slept.has_value());
            CHECK(worker.now() - before >= 30ms);
            CHECK(worker.now() - before < 31ms);
        });
        for (int i = 0; i < 3; ++i)
            REQUIRE(jobs.add([](Queue&, Notes to, int number) { to.add(std::to_string(number)); }, notes,
                             int(i)) == Posted::ok);
        REQUIRE(sim.run());
        CHECK(lines.size() == 3);
        REQUIRE(jobs.add([](Queue&, Notes to) { to.add("last"); }, notes) == Posted::ok);
        CHECK(jobs.stop(1s).drained == 1);
        CHECK(lines.back() == "last");
        CHECK(jobs.add([](Queue&) {}) == Posted::stopped);
        REQUIRE(jobs.start(sim));  // and again
        REQUIRE(jobs.add([](Queue&, Notes to) { to.add("again"); }, notes) == Posted::ok);
        sim.run_for(0s);
        CHECK(lines.back() == "again");
    }
}

TEST_CASE("jobs in a simulation run in an order of the seed's") {
    auto order = [](std::uint64_t seed) {
        std::vector<std::string> lines;
        events::Simulation sim(seed);
        Processor jobs({.queues = 4});
        REQUIRE(jobs.start(sim));
        for (int i = 0; i < 40; ++i)
            REQUIRE(jobs.add([](Queue&, Notes to, int number) { to.add(std::to_string(number)); },
                             Notes{&lines}, int(i)) == Posted::ok);
        sim.run_for(0s);
        return lines;
    };
    CHECK(order(1).size() == 40);
    CHECK((order(1) == order(1)));
    CHECK((order(1) != order(2)));
}
