// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/rate_limit.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace penstock::stream {

std::uint64_t stranger(const Address& address) {
    constexpr std::uint64_t v4 = 0xFFFF'FFFF'0000'0000;  // no source's IPv6 prefix begins so
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    const std::span ip(address.ip());
    const auto number = [](std::span<const std::uint8_t> bytes) {
        std::uint64_t out = 0;
        for (const auto byte : bytes) out = out << 8 | byte;
        return out;
    };
    if (!address.is_v6()) return v4 | number(ip.first(4));
    return std::ranges::equal(ip.first(12), mapped) ? v4 | number(ip.subspan(12)) : number(ip.first(8));
}

double RateLimit::level(const Bucket& bucket, core::TimePoint now) const {
    const auto seconds = std::chrono::duration<double>(now - bucket.at).count();
    return std::min(burst_, bucket.tokens + seconds * per_second_);
}

bool RateLimit::take(const Address& address, core::TimePoint now) {
    if (now - swept_ > std::chrono::seconds(10)) forget_full(now);
    auto key = stranger(address);
    if (buckets_.size() >= strangers_max && !buckets_.contains(key)) key = 0;
    auto& bucket = buckets_.try_emplace(key, Bucket{burst_, now}).first->second;
    bucket = {level(bucket, now), now};
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
}

void RateLimit::forget_full(core::TimePoint now) {
    swept_ = now;
    std::erase_if(buckets_, [&](const auto& entry) { return level(entry.second, now) >= burst_; });
}

}  // namespace penstock::stream
