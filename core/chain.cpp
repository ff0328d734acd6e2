// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/chain.hpp>
#include <penstock/core/home.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace penstock::core {

Chain::Link* Chain::link(Slice slice) { return new (SlabPool::take_link()) Link{nullptr, std::move(slice)}; }

Chain& Chain::operator=(Chain&& other) noexcept {
    if (this != &other) {
        clear();
        first_ = std::exchange(other.first_, nullptr);
        last_ = std::exchange(other.last_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

void Chain::append(Slice slice) {
    if (slice.empty()) return;
    size_ += slice.size();
    if (last_ != nullptr) {
        auto& tail = last_->slice;
        if (tail.slab_ != nullptr && tail.slab_ == slice.slab_ && tail.data_ + tail.size_ == slice.data_) {
            tail.size_ += slice.size();
            return;
        }
    }
    auto* added = link(std::move(slice));
    (last_ != nullptr ? last_->next : first_) = added;
    last_ = added;
}

void Chain::append(Chain chain) {
    if (chain.empty()) return;
    size_ += std::exchange(chain.size_, 0);
    (last_ != nullptr ? last_->next : first_) = std::exchange(chain.first_, nullptr);
    last_ = std::exchange(chain.last_, nullptr);
}

void Chain::append(Bytes bytes) {
    auto* home = Home::current();
    if (home == nullptr) return append(Slice::copy(bytes));
    while (!bytes.empty()) {
        auto room = home->outgoing().room(std::min<std::size_t>(bytes.size(), 256));
        const auto count = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), count);
        append(home->outgoing().fill(count));
        bytes = bytes.from(count);
    }
}

void Chain::prepend(Slice slice) {
    if (slice.empty()) return;
    size_ += slice.size();
    auto* added = link(std::move(slice));
    added->next = first_;
    first_ = added;
    if (last_ == nullptr) last_ = added;
}

void Chain::prepend_u32(std::uint32_t value) {
    const std::array<std::uint8_t, 4> text{
        static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
        static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    prepend(Slice::copy(std::span<const std::uint8_t>(text)));
}

std::uint32_t Chain::u32() const {
    std::array<std::byte, 4> text;
    copy_to(text.data(), text.size());
    std::uint32_t out = 0;
    for (const auto byte : text) out = out << 8 | std::to_integer<std::uint32_t>(byte);
    return out;
}

void Chain::copy_to(std::byte* out, std::size_t count) const {
    PENSTOCK_ASSERT(count <= size_);
    for (const auto* at = first_; count > 0; at = at->next) {
        const auto part = std::min(count, at->slice.size());
        std::memcpy(out, at->slice.data(), part);
        out += part;
        count -= part;
    }
}

Slice Chain::take(std::size_t count) {
    PENSTOCK_ASSERT(count <= size_);
    if (count == 0) return {};
    if (count < first_->slice.size()) {
        size_ -= count;
        return first_->slice.take(count);
    }
    if (count == first_->slice.size()) {
        auto out = std::move(first_->slice);
        size_ -= count;
        drop_first();
        return out;
    }
    auto* slab = SlabPool::take(count);
    copy_to(slab->bytes(), count);
    drop(count);
    return {*slab, slab->bytes(), count};
}

Chain Chain::split(std::size_t count) {
    PENSTOCK_ASSERT(count <= size_);
    Chain out;
    while (count > 0) {
        auto part = take(std::min(count, first_->slice.size()));
        count -= part.size();
        out.append(std::move(part));
    }
    return out;
}

void Chain::drop(std::size_t count) {
    PENSTOCK_ASSERT(count <= size_);
    size_ -= count;
    while (count > 0) {
        auto& slice = first_->slice;
        if (count < slice.size()) return slice.drop(count);
        count -= slice.size();
        drop_first();
    }
}

void Chain::drop_first() {
    auto* gone = first_;
    first_ = gone->next;
    if (first_ == nullptr) last_ = nullptr;
    gone->~Link();
    SlabPool::give_link(gone);
}

void Chain::clear() {
    while (first_ != nullptr) drop_first();
    size_ = 0;
}

std::size_t Chain::views(std::span<Bytes> out) const {
    std::size_t count = 0;
    for (const auto* at = first_; at != nullptr && count < out.size(); at = at->next)
        out[count++] = at->slice;
    return count;
}

}  // namespace penstock::core
