// SPDX-License-Identifier: Apache-2.0
#include <bench/samples.hpp>
#include <doctest/doctest.h>

using namespace penstock::bench;

namespace {

Slice slice(int round, double value, bool near = true) { return {round, value, 1.0, near}; }

/// Two contestants, `rounds` rounds; each near slice costs 2 and 3, each far one 20 and 30.
Samples even(int rounds, int near_rounds) {
    Samples out(2, rounds);
    out.set_present(0);
    out.set_present(1);
    for (int round = 0; round < rounds; ++round) {
        const bool near = round < near_rounds;
        out.add(0, slice(round, near ? 2 : 20, near));
        out.add(1, slice(round, near ? 3 : 30, near));
    }
    return out;
}

}  // namespace

TEST_CASE("the median of none, odd and even counts") {
    CHECK_FALSE(median({}).has_value());
    CHECK(*median({5}) == 5);
    CHECK(*median({9, 1, 5}) == 5);
    CHECK(*median({9, 1, 5, 3}) == 4);
}

TEST_CASE("far slices are dropped, and counted as dropped") {
    auto samples = even(5, 3);
    CHECK_FALSE(samples.is_far());
    CHECK(samples.slices_taken() == 10);
    CHECK(samples.slices_dropped() == 4);
    CHECK(*samples.value(0) == 2);
    CHECK_FALSE(samples.value(0, 4).has_value());
    CHECK(*samples.ratio(1, 0) == 1.5);
    CHECK(samples.spread(1)->most == 3);
}

TEST_CASE("a host with too few near rounds is far, and all slices count") {
    auto samples = even(5, 2);
    CHECK(samples.is_far());
    CHECK(samples.slices_dropped() == 0);
    CHECK(*samples.value(0) == 20);
    CHECK(*samples.value(0, 4) == 20);
    CHECK(samples.spread(0)->least == 2);
}

TEST_CASE("fewer rounds wanted than the least: all of them must be near") {
    CHECK_FALSE(even(1, 1).is_far());
    CHECK(even(1, 0).is_far());
    CHECK(even(2, 1).is_far());
}

TEST_CASE("a round is near only when every contestant that is built was") {
    Samples samples(3, 3);
    samples.set_present(0);
    samples.set_present(2);
    for (int round = 0; round < 3; ++round) {
        samples.add(0, slice(round, 1));
        samples.add(2, slice(round, 1, round != 1));
    }
    CHECK(samples.near_rounds() == 2);
    samples.add(2, slice(1, 1));
    CHECK(samples.near_rounds() == 3);
    CHECK_FALSE(samples.value(1).has_value());
    CHECK_FALSE(samples.ratio(1, 0).has_value());
}

TEST_CASE("a ratio is taken within its round, not between medians") {
    Samples samples(2, 3);
    samples.set_present(0);
    samples.set_present(1);
    const double floor[] = {1, 2, 10}, other[] = {2, 10, 11};
    for (int round = 0; round < 3; ++round) {
        samples.add(0, slice(round, floor[round]));
        samples.add(1, slice(round, other[round]));
    }
    CHECK(*samples.value(1) / *samples.value(0) == 5);
    CHECK(*samples.ratio(1, 0) == 2);
}

TEST_CASE("a round in which one has no near slice gives no ratio") {
    auto samples = even(4, 4);
    samples.add(0, slice(4, 100));
    samples.add(1, slice(4, 1, false));
    CHECK(*samples.ratio(1, 0) == 1.5);
}

TEST_CASE("figures and how busy it was are medians of what is there") {
    Samples samples(1, 1);
    samples.set_present(0);
    CHECK_FALSE(samples.figure(0, 0).has_value());
    for (const double arm : {1.0, 2.0, 9.0})
        samples.add(0, {.value = arm + 5, .near = true, .figures = {arm, 5}});
    CHECK(*samples.figure(0, 0) == 2);
    CHECK(*samples.figure(0, 1) == 5);
    CHECK_FALSE(samples.figure(0, 2).has_value());
    CHECK_FALSE(samples.busy(0).has_value());
    samples.add(0, slice(0, 1));
    CHECK(*samples.busy(0) == 1);
}
