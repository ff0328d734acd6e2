// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/slice.hpp>

namespace penstock::core {

/// Slices in a row: what is queued to be sent, or collected until it is whole. 24 bytes when empty; its links
/// come from the worker's pool. Thread: its worker's.
class Chain {
public:
    Chain() = default;
    explicit Chain(Slice slice) { append(std::move(slice)); }
    Chain(Chain&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)),
          last_(std::exchange(other.last_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    Chain& operator=(Chain&& other) noexcept;
    ~Chain() {
        if (first_ != nullptr) clear();
    }

    /// By reference; a slice that continues the last one is joined to it.
    void append(Slice slice);
    void append(Chain chain);
    /// Copies, into the worker's outgoing slab.
    void append(Bytes bytes);
    void prepend(Slice slice);
    void prepend_u32(std::uint32_t value);  ///< big endian

    /// The first four bytes, big endian. Requires size() >= 4.
    std::uint32_t u32() const;
    /// The first `count` bytes as one slice; copies only across the edge of a slab. Requires count <= size().
    Slice take(std::size_t count);
    /// Likewise as a chain, never a copy.
    Chain split(std::size_t count);
    void drop(std::size_t count);
    void clear();
    /// Copies the first `count` bytes out. Requires count <= size().
    void copy_to(std::byte* out, std::size_t count) const;

    /// Views of the leading slices, as many as fit; returns how many.
    std::size_t views(std::span<Bytes> out) const;

    const Slice& front() const { return first_->slice; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

private:
    struct Link {
        Link* next;
        Slice slice;
    };
    static_assert(sizeof(Link) == SlabPool::link_bytes);
    static Link* link(Slice slice);
    void drop_first();

    Link* first_ = nullptr;
    Link* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace penstock::core

namespace penstock {
using core::Chain;
}
