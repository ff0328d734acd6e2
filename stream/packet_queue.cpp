// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/packet_queue.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace penstock::stream {

using core::Slab;
using core::SlabPool;

void PacketQueue::drop_block() {
    if (block_ != nullptr) std::exchange(block_, nullptr)->release();
    used_ = 0;
}

/// Copies, in one piece.
void PacketQueue::put(Bytes bytes) {
    if (bytes.empty()) return;
    if (block_ == nullptr || block_->capacity - used_ < bytes.size()) {
        drop_block();
        const auto likely = std::clamp<std::size_t>(std::bit_ceil(data_.size() + 1), 512, core::slab_bytes);
        block_ = SlabPool::take(std::max(likely, bytes.size()));
    }
    auto* at = block_->bytes() + used_;
    std::memcpy(at, bytes.data(), bytes.size());
    used_ += bytes.size();
    block_->share();
    data_.append(Slice(*block_, at, bytes.size()));
}

void PacketQueue::put_mark(Mark mark, std::size_t payload_bytes) {
    static_assert(sizeof(Mark) == mark_bytes);
    mark.bytes = static_cast<std::uint32_t>(payload_bytes);
    std::array<std::byte, mark_bytes> raw;
    std::memcpy(raw.data(), &mark, sizeof mark);
    put(Bytes(raw.data(), raw.size()));
    bytes_ += payload_bytes;
    ++count_;
}

void PacketQueue::push(Mark mark, Bytes payload) {
    mark.is_shared = false;
    put_mark(mark, payload.size());
    for (; payload.size() > core::slab_bytes; payload = payload.from(core::slab_bytes))
        put(payload.first(core::slab_bytes));
    put(payload);
}

void PacketQueue::push(Mark mark, Slice payload) {
    if (payload.size() < reference_bytes_min) return push(mark, Bytes(payload));
    mark.is_shared = false;
    put_mark(mark, payload.size());
    data_.append(std::move(payload));
}

void PacketQueue::push(Mark mark, std::shared_ptr<const Buffer> payload) {
    if (payload->size() < reference_bytes_min) return push(mark, Bytes(*payload));
    mark.is_shared = true;
    put_mark(mark, payload->size());
    data_.append(Slice::constant(*payload));
    shared_.push_back(std::move(payload));
}

PacketQueue::Mark& PacketQueue::front() {
    PENSTOCK_ASSERT(count_ > 0);
    if (!has_front_) {
        std::array<std::byte, mark_bytes> raw;
        data_.copy_to(raw.data(), raw.size());
        data_.drop(raw.size());
        std::memcpy(&front_, raw.data(), sizeof front_);
        has_front_ = true;
    }
    return front_;
}

void PacketQueue::copy_to(std::span<std::byte> out) {
    PENSTOCK_ASSERT(out.size() <= front().bytes);
    data_.copy_to(out.data(), out.size());
    data_.drop(out.size());
    front_.bytes -= static_cast<std::uint32_t>(out.size());
    bytes_ -= out.size();
}

Slice PacketQueue::take() {
    PENSTOCK_ASSERT(!front().is_shared);
    auto out = data_.take(front_.bytes);
    bytes_ -= front_.bytes;
    front_.bytes = 0;
    pop();
    return out;
}

void PacketQueue::pop() {
    PENSTOCK_ASSERT(front().bytes == 0);
    if (front_.is_shared) {
        shared_[shared_from_++] = nullptr;
        if (shared_from_ == shared_.size()) {
            shared_.clear();
            shared_from_ = 0;
        } else if (shared_from_ >= 64 && shared_from_ * 2 >= shared_.size()) {
            shared_.erase(shared_.begin(), shared_.begin() + static_cast<std::ptrdiff_t>(shared_from_));
            shared_from_ = 0;
        }
    }
    has_front_ = false;
    if (--count_ == 0) drop_block();
}

void PacketQueue::clear() {
    data_.clear();
    drop_block();
    shared_.clear();
    shared_from_ = 0;
    bytes_ = count_ = 0;
    has_front_ = false;
}

}  // namespace penstock::stream
