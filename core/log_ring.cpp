// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/log_ring.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace penstock::core {

LogRing::LogRing(std::size_t bytes)
    : mask_(std::bit_ceil(std::clamp(bytes, bytes_min, bytes_max)) - 1),
      bytes_(std::make_unique_for_overwrite<std::byte[]>(mask_ + 1)) {}

bool LogRing::begin(std::size_t length) {
    const auto size = length + sizeof(std::uint32_t);
    next_ = written_.load(std::memory_order_relaxed);
    if (size > size_bytes()) return false;
    if (next_ - read_seen_ > size_bytes() - size) {
        read_seen_ = read_.load(std::memory_order_acquire);
        if (next_ - read_seen_ > size_bytes() - size) return false;
    }
    const auto stored = static_cast<std::uint32_t>(length);
    copy_in(&stored, sizeof stored);
    return true;
}

void LogRing::put(const void* data, std::size_t size) { copy_in(data, size); }

void LogRing::commit() { written_.store(next_, std::memory_order_release); }

bool LogRing::take(std::string& record, std::uint64_t mark) {
    taken_ = read_.load(std::memory_order_relaxed);
    if (taken_ == mark) return false;
    std::uint32_t length = 0;
    copy_out(&length, sizeof length);
    record.resize(length);
    copy_out(record.data(), length);
    read_.store(taken_, std::memory_order_release);
    return true;
}

void LogRing::copy_in(const void* data, std::size_t size) {
    if (size == 0) return;
    const auto at = next_ & mask_;
    const auto before_end = std::min(size, size_bytes() - at);
    std::memcpy(bytes_.get() + at, data, before_end);
    std::memcpy(bytes_.get(), static_cast<const std::byte*>(data) + before_end, size - before_end);
    next_ += size;
}

void LogRing::copy_out(void* data, std::size_t size) {
    if (size == 0) return;
    const auto at = taken_ & mask_;
    const auto before_end = std::min(size, size_bytes() - at);
    std::memcpy(data, bytes_.get() + at, before_end);
    std::memcpy(static_cast<std::byte*>(data) + before_end, bytes_.get(), size - before_end);
    taken_ += size;
}

}  // namespace penstock::core
