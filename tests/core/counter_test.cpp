// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/counter.hpp>

#include <thread>

#include <doctest/doctest.h>

using namespace penstock::core;

TEST_CASE("counters and gauges count") {
    Counter counter;
    counter.add();
    counter.add(5);
    CHECK(counter.value() == 6);
    Gauge gauge;
    gauge.value(3);
    gauge.add();
    gauge.add(-10);
    CHECK(gauge.value() == -6);
}

TEST_CASE("a bucket holds the values up to the next power of two") {
    CHECK(HistogramCounts::bucket(0) == 0);
    CHECK(HistogramCounts::bucket(1) == 1);
    CHECK(HistogramCounts::bucket(UINT64_MAX) == 63);
    CHECK(HistogramCounts::upper(63) == UINT64_MAX);
    for (std::size_t at = 0; at < 63; ++at) {
        CAPTURE(at);
        CHECK(HistogramCounts::bucket(HistogramCounts::upper(at)) == at);
        CHECK(HistogramCounts::bucket(HistogramCounts::upper(at) + 1) == at + 1);
    }
}

TEST_CASE("a histogram counts, sums and is added up") {
    Histogram a, b;
    for (std::uint64_t value : {0, 1, 2, 3, 4, 1000}) a.add(value);
    b.add(UINT64_MAX);
    auto counts = a.counts();
    CHECK(counts.count() == 6);
    CHECK(counts.sum == 1010);
    CHECK(counts.buckets[0] == 1);
    CHECK(counts.buckets[2] == 2);
    CHECK(counts.buckets[10] == 1);
    counts += b.counts();
    CHECK(counts.count() == 7);
    CHECK(counts.buckets[63] == 1);
    CHECK(counts.sum == 1009);  // modulo 2^64
}

TEST_CASE("quantiles are bounds from above") {
    CHECK(HistogramCounts{}.quantile(0.5) == 0);
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 100; ++value) histogram.add(value);
    const auto counts = histogram.counts();
    CHECK(counts.quantile(0) == 1);
    CHECK(counts.quantile(0.5) == 63);
    CHECK(counts.quantile(0.99) == 127);
    CHECK(counts.quantile(1) == 127);
}

TEST_CASE("a reader sees counters grow while they are written") {
    Histogram histogram;
    constexpr std::uint64_t count = 100'000;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < count; ++i) histogram.add(i);
    });
    std::uint64_t seen = 0;
    while (seen < count) {
        const auto now = histogram.counts().count();
        REQUIRE(now >= seen);
        seen = now;
    }
    writer.join();
    CHECK(seen == count);
}
