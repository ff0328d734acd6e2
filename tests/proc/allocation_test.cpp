// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/proc/processor.hpp>

#include <doctest/doctest.h>
#include <support/allocations.hpp>

using namespace penstock;

namespace {

struct Box {
    std::uint64_t* allocations;
    core::Logger* logger;
    static constexpr bool sendable = true;
};

}  // namespace

TEST_CASE("a job costs one allocation, its result included") {
    if (!test::allocations_are_counted) return;
    constexpr std::uint64_t rounds = 1000;
    std::uint64_t allocations = 0;
    core::Logger logger({.level = LogLevel::off});
    proc::Processor jobs({.queues = 1, .logger = &logger});
    REQUIRE(jobs.start());
    Reactor reactor({.workers = 1, .logger = &logger});
    reactor.lend(jobs);
    auto program = [](Worker& worker, Box box) -> Task<int> {
        auto& queue = worker.local<proc::Processor>();
        auto add = [](proc::Queue&, std::uint64_t n) { return n + 1; };
        std::uint64_t n = 0;
        for (int i = 0; i < 100; ++i) n = *co_await queue.run(add, n);
        box.logger->flush();  // its thread has taken all its room
        const auto before = test::allocations_of_other_threads();
        for (std::uint64_t i = 0; i < rounds; ++i) n = *co_await queue.run(add, n);
        *box.allocations = test::allocations_of_other_threads() - before;
        co_return n == rounds + 100 ? 0 : 1;
    };
    CHECK(reactor.run_task(program, Box{&allocations, &logger}) == 0);
    CHECK(allocations == rounds);
}
