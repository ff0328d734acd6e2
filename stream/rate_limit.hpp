// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/clock.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace penstock::stream {

/// Who counts as one stranger: an IPv4 address, or the /64 of an IPv6 one.
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

}  // namespace penstock::stream
