// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/metrics.hpp>

#include <limits>

#include <doctest/doctest.h>

using namespace penstock::core;

TEST_CASE("a family is one group with one HELP and one TYPE, however often it is named") {
    MetricsText text;
    text.family("a_total", MetricKind::counter, "of a").sample({{"worker", "0"}}, 1u);
    text.family("b", MetricKind::gauge, "of b").sample({}, -5);
    text.family("a_total", MetricKind::counter, "of a").sample({{"worker", "1"}, {"kind", "x"}}, 2u);
    CHECK(text.text() ==
          "# HELP a_total of a\n"
          "# TYPE a_total counter\n"
          "a_total{worker=\"0\"} 1\n"
          "a_total{worker=\"1\",kind=\"x\"} 2\n"
          "# HELP b of b\n"
          "# TYPE b gauge\n"
          "b -5\n");
}

TEST_CASE("label values and help texts are escaped") {
    MetricsText text;
    text.family("a", MetricKind::gauge, "one\ntwo \\ \"three\"").sample({{"x", "one\ntwo \\ \"three\""}}, 1);
    CHECK(text.text() ==
          "# HELP a one\\ntwo \\\\ \"three\"\n"
          "# TYPE a gauge\n"
          "a{x=\"one\\ntwo \\\\ \\\"three\\\"\"} 1\n");
}

TEST_CASE("numbers that are none have their names") {
    MetricsText text;
    auto& family = text.family("a", MetricKind::gauge, "");
    const auto inf = std::numeric_limits<double>::infinity();
    for (const double value : {0.1, inf, -inf, std::numeric_limits<double>::quiet_NaN()})
        family.sample({}, value);
    family.sample({}, UINT64_MAX);
    CHECK(text.text() == "# HELP a \n# TYPE a gauge\na 0.1\na +Inf\na -Inf\na NaN\na 18446744073709551615\n");
}

TEST_CASE("a histogram's buckets hold those before them, what is not shown is in the next") {
    Histogram histogram;
    for (std::uint64_t value : {0, 1, 2, 3, 7, 100}) histogram.add(value);
    MetricsText text;
    text.family("h", MetricKind::histogram, "x")
        .sample({{"w", "0"}}, histogram.counts(), {.scale = 0.5, .first = 1, .last = 3});
    CHECK(text.text() ==
          "# HELP h x\n"
          "# TYPE h histogram\n"
          "h_bucket{w=\"0\",le=\"0.5\"} 2\n"
          "h_bucket{w=\"0\",le=\"1.5\"} 4\n"
          "h_bucket{w=\"0\",le=\"3.5\"} 5\n"
          "h_bucket{w=\"0\",le=\"+Inf\"} 6\n"
          "h_sum{w=\"0\"} 56.5\n"
          "h_count{w=\"0\"} 6\n");
}

TEST_CASE("a histogram is shown whole unless it is told otherwise") {
    MetricsText text;
    text.family("h", MetricKind::histogram, "x").sample({}, HistogramCounts{});
    const auto out = text.text();
    std::size_t lines = 0;
    for (const char c : out) lines += c == '\n';
    CHECK(lines == 2 + 63 + 3);  // HELP and TYPE; 0 to 62; +Inf, sum, count
}

TEST_CASE("names that are not literals are checked when they are made") {
    CHECK(MetricName::parse("a_total").has_value());
    CHECK(MetricName::parse("A:9").has_value());
    for (const char* name : {"", "9a", "a-b", "a b", "a\n", "a{", "\xc3\xa4"}) {
        CAPTURE(name);
        CHECK_FALSE(MetricName::parse(name).has_value());
    }
}
