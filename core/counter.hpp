// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace penstock::core {

// What is counted: plain numbers of one writer, read from any thread while they change. No call locks, fences
// or allocates. Counters of several writers are added up by whoever reads them (see metrics.hpp).

/// A number that only grows. Thread: one writer, any reader.
class Counter {
public:
    void add(std::uint64_t count = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_ = 0;
};

/// A number that goes up and down. Thread: one writer, any reader.
class Gauge {
public:
    void value(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
    void add(std::int64_t count = 1) { value(value() + count); }
    std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_ = 0;
};

/// What a Histogram held at one time, or the sum of several. Bucket 0 counts zeros, bucket i the values in
/// [2^(i-1), 2^i), the last one all that is above.
struct HistogramCounts {
    static constexpr std::size_t bucket_count = 64;

    std::array<std::uint64_t, bucket_count> buckets{};
    std::uint64_t sum = 0;  ///< modulo 2^64

    static constexpr std::size_t bucket(std::uint64_t value) {
        const auto width = static_cast<std::size_t>(std::bit_width(value));
        return width < bucket_count ? width : bucket_count - 1;
    }
    /// The largest value that bucket `at` counts.
    static constexpr std::uint64_t upper(std::size_t at) {
        return at >= bucket_count - 1 ? UINT64_MAX : (std::uint64_t(1) << at) - 1;
    }

    constexpr std::uint64_t count() const {
        std::uint64_t out = 0;
        for (const auto bucket : buckets) out += bucket;
        return out;
    }
    /// An upper bound of the value below which the part `q` in [0, 1] lies, at most twice too high; 0 if
    /// empty.
    constexpr std::uint64_t quantile(double q) const {
        const auto rank = q * static_cast<double>(count());
        std::uint64_t seen = 0, out = 0;
        for (std::size_t at = 0; at < bucket_count; ++at) {
            if (buckets[at] == 0) continue;
            seen += buckets[at];
            out = upper(at);
            if (static_cast<double>(seen) >= rank) break;
        }
        return out;
    }

    constexpr HistogramCounts& operator+=(const HistogramCounts& other) {
        for (std::size_t at = 0; at < bucket_count; ++at) buckets[at] += other.buckets[at];
        sum += other.sum;
        return *this;
    }
};

/// How values are spread: latencies in nanoseconds, sizes in bytes. 520 bytes. Thread: one writer, any
/// reader.
class Histogram {
public:
    void add(std::uint64_t value) {
        buckets_[HistogramCounts::bucket(value)].add();
        sum_.add(value);
    }
    /// Each number is one that was there; a value that is added meanwhile may be in one and not in another.
    HistogramCounts counts() const {
        HistogramCounts out;
        for (std::size_t at = 0; at < buckets_.size(); ++at) out.buckets[at] = buckets_[at].value();
        out.sum = sum_.value();
        return out;
    }

private:
    std::array<Counter, HistogramCounts::bucket_count> buckets_{};
    Counter sum_;
};

}  // namespace penstock::core
