// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/rate_limit.hpp>

#include <algorithm>
#include <cstring>

namespace penstock::stream {

std::uint64_t stranger(const Address& address) {
    constexpr std::uint64_t v4 = 0xFFFF'FFFF'0000'0000;  // no global IPv6 prefix begins so
    std::uint64_t out = 0;
    if (address.is_v6()) {
        std::memcpy(&out, address.ip().data(), sizeof out);
        return out;
    }
    std::uint32_t ip = 0;
    std::memcpy(&ip, address.ip().data(), sizeof ip);
    return v4 | ip;
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
