// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/remote.hpp>

#include <future>
#include <new>
#include <string_view>

#include <doctest/doctest.h>

#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

struct Bad {
    Bad() = default;
    Bad(const Bad&) { throw std::bad_alloc(); }
    Bad(Bad&&) = default;
    static constexpr bool sendable = true;
};

}  // namespace

TEST_CASE("an argument that throws while it is copied posts nothing, and holds up nobody") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    const auto remote = worker.remote();
    static int bad_runs;
    bad_runs = 0;
    int runs = 0;
    auto count = [](Worker&, test::Lent<int> at) { ++*at; };
    const Bad bad;
    CHECK(remote.post(count, test::lent(runs)) == Posted::ok);
    CHECK_THROWS_AS(std::ignore = remote.post([](Worker&, const Bad&) { ++bad_runs; }, bad), std::bad_alloc);
    CHECK(remote.post(count, test::lent(runs)) == Posted::ok);
    worker.turn(0ns);
    CHECK(bad_runs == 0);
    CHECK(runs == 2);
    CHECK_FALSE(worker.has_work());
}

TEST_CASE("so does a call, and a post to all workers") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    const auto remote = worker.remote();
    int runs = 0;
    auto count = [](Worker&, test::Lent<int> at) { ++*at; };
    auto ignore = [](Worker&, const Bad&) {};
    const Bad bad;
    bool has_thrown = false;
    sim.spawn([&](Worker&) -> Task<> {
        try {
            std::ignore = co_await remote.call(ignore, bad);
        } catch (const std::bad_alloc&) {
            has_thrown = true;
        }
        CHECK(remote.post(count, test::lent(runs)) == Posted::ok);
    });
    sim.run_for(1s);
    CHECK(has_thrown);
    CHECK(runs == 1);

    Reactor reactor({.workers = 2});
    REQUIRE(reactor.start());
    CHECK_THROWS_AS(std::ignore = reactor.post_all(ignore, bad), std::bad_alloc);
    std::promise<void> ran;
    auto tell = [](Worker&, test::Lent<std::promise<void>> at) { at->set_value(); };
    CHECK(reactor.worker(1).post(tell, test::lent(ran)) == Posted::ok);
    CHECK(ran.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("an empty rest of a shared slab crosses without the slab") {
    const auto whole = Slice::copy(std::string_view("hello world"));
    auto rest = whole.share();
    rest.drop(rest.size());
    const auto crossing = std::move(rest).own();
    rest = Slice();
    CHECK(crossing.empty());
    CHECK(whole.is_alone());
}
