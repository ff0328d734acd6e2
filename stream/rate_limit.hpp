// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace penstock::stream {

/// Who counts as one stranger: an IPv4 address (also one that is mapped into IPv6), or the /64 of an IPv6
/// one.
std::uint64_t stranger(const Address& address);

/// A token bucket for each stranger. Full buckets are forgotten, so memory follows those who are active;
/// beyond `strangers_max` everyone new shares one bucket. Thread: its worker's.
class RateLimit {
public:
    static constexpr std::size_t strangers_max = 100'000;

    RateLimit(double per_second, std::size_t burst)
        : per_second_(per_second), burst_(static_cast<double>(burst)) {}
    /// Takes a token; false: there is none.
    bool take(const Address& address, core::TimePoint now);
    std::size_t strangers() const { return buckets_.size(); }

private:
    struct Bucket {
        double tokens;
        core::TimePoint at;
    };
    double level(const Bucket& bucket, core::TimePoint now) const;
    void forget_full(core::TimePoint now);

    double per_second_, burst_;
    std::unordered_map<std::uint64_t, Bucket> buckets_;
    core::TimePoint swept_{};
};

/// A share of a worker's time for one kind of work, saved up to a burst. Who asks before and spends after: so
/// the last one may take more than there is, which is paid back before the next. Thread: its worker's.
class TimeShare {
public:
    /// `share` of 1 is all of the time.
    TimeShare(double share, std::chrono::nanoseconds burst) : share_(share), burst_(burst), left_(burst) {}
    bool has_some(core::TimePoint now) const { return level(now).count() > 0; }
    void spend(std::chrono::nanoseconds time, core::TimePoint now) {
        left_ = level(now) - time;
        at_ = now;
    }

private:
    using Nanoseconds = std::chrono::duration<double, std::nano>;
    Nanoseconds level(core::TimePoint now) const {
        return std::min<Nanoseconds>(burst_, left_ + Nanoseconds(now - at_) * share_);
    }

    double share_;
    Nanoseconds burst_, left_;
    core::TimePoint at_{};
};

/// Spends the time that it lives.
class TimeSpent {
public:
    TimeSpent(TimeShare& share, const core::Clock& clock)
        : share_(share), clock_(clock), from_(clock.now()) {}
    TimeSpent(const TimeSpent&) = delete;
    TimeSpent& operator=(const TimeSpent&) = delete;
    ~TimeSpent() {
        const auto now = clock_.now();
        share_.spend(now - from_, now);
    }

private:
    TimeShare& share_;
    const core::Clock& clock_;
    core::TimePoint from_;
};

}  // namespace penstock::stream
