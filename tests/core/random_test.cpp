// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/random.hpp>

#include <set>

#include <doctest/doctest.h>

using namespace penstock::core;

TEST_CASE("a seed gives the same bytes each time, another seed others") {
    SeededRandom a(7), b(7), c(8);
    CHECK(a.bytes<64>() == b.bytes<64>());
    CHECK(SeededRandom(7).bytes<64>() != c.bytes<64>());
    CHECK(SeededRandom(0).word() == 0x99EC5F36CB75F2B4);  // xoshiro256** seeded by splitmix64(0)
}

TEST_CASE("below stays below its bound and reaches all of it") {
    SeededRandom random(3);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random.below(6));
    CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4, 5});
    for (int i = 0; i < 1000; ++i) CHECK(random.unit() < 1.0);
    CHECK(random.below(1) == 0);
}

TEST_CASE("the kernel's bytes differ from call to call") {
    KernelRandom random;
    CHECK(random.bytes<32>() != random.bytes<32>());
}
