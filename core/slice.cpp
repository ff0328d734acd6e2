// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/slice.hpp>

#include <cstring>

namespace penstock::core {

Slice Slice::constant(Bytes bytes) {
    Slice out;
    out.data_ = bytes.data();
    out.size_ = bytes.size();
    return out;
}

Slice Slice::copy(Bytes bytes) {
    if (bytes.empty()) return {};
    auto* slab = SlabPool::take(bytes.size());
    std::memcpy(slab->bytes(), bytes.data(), bytes.size());
    return {*slab, slab->bytes(), bytes.size()};
}

Slice Slice::share(std::size_t at, std::size_t count) const {
    PENSTOCK_ASSERT(at <= size_ && count <= size_ - at);
    Slice out;
    if (slab_ != nullptr) slab_->share();
    out.slab_ = slab_;
    out.data_ = data_ + at;
    out.size_ = count;
    return out;
}

Slice Slice::take(std::size_t count) {
    if (count == size_) return std::move(*this);
    auto out = share(0, count);
    drop(count);
    return out;
}

void Slice::drop(std::size_t count) {
    PENSTOCK_ASSERT(count <= size_);
    data_ += count;
    size_ -= count;
}

void Slice::keep(std::size_t count) {
    PENSTOCK_ASSERT(count <= size_);
    size_ = count;
}

bool Slice::extend(Bytes more) {
    if (!is_alone()) return false;
    auto* end = writable() + size_;
    if (static_cast<std::size_t>(slab_->bytes() + slab_->capacity - end) < more.size()) return false;
    std::memcpy(end, more.data(), more.size());
    size_ += more.size();
    return true;
}

Buffer Slice::own() && {
    if (is_alone()) return Buffer(std::move(*this));
    return Buffer::copy(*this);
}

Buffer Buffer::copy(Bytes bytes) { return Buffer(Slice::copy(bytes)); }

Buffer Buffer::room(std::size_t size) {
    if (size == 0) return {};
    auto* slab = SlabPool::take(size);
    return Buffer(Slice(*slab, slab->bytes(), size));
}

}  // namespace penstock::core
