// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <bench/peers/bounded_ring.hpp>
#include <doctest/doctest.h>

using penstock::bench::BoundedRing;

namespace {

std::uint64_t sum = 0, count = 0;

void take(std::uint64_t argument) {
    sum += argument;
    ++count;
}

}  // namespace

TEST_CASE("a ring refuses what it has no room for, and takes it later") {
    static BoundedRing ring;
    sum = count = 0;
    for (int lap = 0; lap < 3; ++lap) {
        for (std::uint64_t i = 0; i < BoundedRing::cells; ++i) REQUIRE(ring.push({take, 1}));
        CHECK_FALSE(ring.push({take, 1}));
        while (ring.run_batch()) {
        }
        CHECK(count == BoundedRing::cells * static_cast<std::uint64_t>(lap + 1));
    }
}

TEST_CASE("each message of several producers comes once") {
    static BoundedRing ring;
    sum = count = 0;
    constexpr std::uint64_t each = 50'000;
    const auto produce = [] {
        for (std::uint64_t i = 1; i <= each; ++i)
            while (!ring.push({take, i})) std::this_thread::yield();
    };
    std::thread one(produce), other(produce);
    while (count < 2 * each)
        if (!ring.run_batch()) std::this_thread::yield();
    one.join();
    other.join();
    CHECK(sum == each * (each + 1));
}
