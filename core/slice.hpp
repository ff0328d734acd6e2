// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/slab.hpp>

#include <utility>

namespace penstock::core {

/// A counted part of a slab, or of static memory: bytes without a copy. It keeps up to 16 KiB of its worker's
/// pool. Thread: never leaves its worker (it is not Sendable); `own()` makes a Buffer that may.
class Slice {
public:
    Slice() = default;
    /// Takes over one reference of the slab.
    Slice(Slab& slab, std::byte* data, std::size_t size) : slab_(&slab), data_(data), size_(size) {}
    Slice(Slice&& other) noexcept
        : slab_(std::exchange(other.slab_, nullptr)),
          data_(other.data_),
          size_(std::exchange(other.size_, 0)) {}
    Slice& operator=(Slice&& other) noexcept {
        if (this != &other) {
            reset();
            slab_ = std::exchange(other.slab_, nullptr);
            data_ = other.data_;
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    ~Slice() { reset(); }

    /// Bytes that outlive everything (a literal): not counted, not copied.
    static Slice constant(Bytes bytes);
    static Slice copy(Bytes bytes);

    /// One more reference to the same bytes, or to a part of them. Requires at + count <= size().
    Slice share() const { return share(0, size_); }
    Slice share(std::size_t at, std::size_t count) const;
    /// Cuts off the first bytes and returns them. Requires count <= size().
    Slice take(std::size_t count);
    void drop(std::size_t count);
    void keep(std::size_t count);  ///< cuts off what is behind
    /// Copies `more` behind it, in place: when it is alone and its slab has the room. Else nothing, and
    /// false.
    bool extend(Bytes more);

    /// The slab itself when this is its only slice, else a copy.
    Buffer own() &&;

    const std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::string_view text() const { return Bytes(data_, size_).text(); }
    /// Memory kept alive by this slice.
    std::size_t slab_size() const { return slab_ != nullptr ? slab_->capacity : 0; }
    /// Whether nobody else can see these bytes: then they may be changed in place.
    bool is_alone() const { return slab_ != nullptr && slab_->references == 1; }
    /// Requires that nobody else reads these bytes (a record that is decrypted in place).
    std::byte* writable() { return const_cast<std::byte*>(data_); }

    static constexpr bool sendable = false;

private:
    friend class Buffer;
    friend class Chain;
    void reset() {
        if (slab_ != nullptr) std::exchange(slab_, nullptr)->release();
        size_ = 0;
    }

    Slab* slab_ = nullptr;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Bytes owned alone: may cross threads and live as long as you like.
class Buffer {
public:
    Buffer() = default;
    Buffer(Buffer&&) noexcept = default;
    Buffer& operator=(Buffer&&) noexcept = default;

    static Buffer copy(Bytes bytes);
    /// Uninitialized room to be filled.
    static Buffer room(std::size_t size);

    const std::byte* data() const { return whole_.data(); }
    std::byte* writable() { return whole_.writable(); }
    std::size_t size() const { return whole_.size(); }
    bool empty() const { return whole_.empty(); }
    std::string_view text() const { return whole_.text(); }
    void keep(std::size_t count) { whole_.keep(count); }
    void drop(std::size_t count) { whole_.drop(count); }

    /// Its bytes become a slice of this worker, without a copy.
    Slice slice() && { return std::move(whole_); }

    static constexpr bool sendable = true;

private:
    friend class Slice;
    explicit Buffer(Slice whole) : whole_(std::move(whole)) {}
    Slice whole_;  // its slab's only reference
};

inline Bytes::Bytes(const Slice& slice) : data_(slice.data()), size_(slice.size()) {}
inline Bytes::Bytes(const Buffer& buffer) : data_(buffer.data()), size_(buffer.size()) {}

}  // namespace penstock::core

namespace penstock {
using core::Buffer;
using core::Slice;
}  // namespace penstock
