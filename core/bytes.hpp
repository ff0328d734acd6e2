// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace penstock::core {

class Buffer;
class Slice;

/// A view of bytes: two words, owns nothing. Takes text, spans, slices and buffers.
class Bytes {
public:
    constexpr Bytes() = default;
    constexpr Bytes(const std::byte* data, std::size_t size) : data_(data), size_(size) {}
    constexpr Bytes(std::span<const std::byte> span) : data_(span.data()), size_(span.size()) {}
    Bytes(std::span<const std::uint8_t> span)
        : Bytes(reinterpret_cast<const std::byte*>(span.data()), span.size()) {}
    Bytes(std::string_view text) : Bytes(reinterpret_cast<const std::byte*>(text.data()), text.size()) {}
    Bytes(const std::string& text) : Bytes(std::string_view(text)) {}
    Bytes(const char* text) : Bytes(std::string_view(text)) {}
    Bytes(const Slice& slice);
    Bytes(const Buffer& buffer);

    constexpr const std::byte* data() const { return data_; }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr const std::byte* begin() const { return data_; }
    constexpr const std::byte* end() const { return data_ + size_; }
    constexpr std::byte operator[](std::size_t at) const { return data_[at]; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

    /// Requires `count <= size()`.
    constexpr Bytes first(std::size_t count) const { return {data_, count}; }
    constexpr Bytes last(std::size_t count) const { return {data_ + (size_ - count), count}; }
    constexpr Bytes from(std::size_t at) const { return {data_ + at, size_ - at}; }

    friend bool operator==(Bytes a, Bytes b) {
        return a.size_ == b.size_ && (a.size_ == 0 || std::memcmp(a.data_, b.data_, a.size_) == 0);
    }
    static constexpr bool sendable = false;

private:
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace penstock::core

namespace penstock {
using core::Bytes;
}
