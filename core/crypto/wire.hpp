// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace penstock::crypto {

/// Takes the protocol's fields (docs/protocol.md, 0.3: big endian, v8 and v16 lengths) from the front of a
/// view. Once too few bytes were left it has failed, and everything after reads as zeros or as empty: check
/// `done()` (or `ok()`) before what was read is believed. Nothing is allocated.
class Reader {
public:
    explicit Reader(Bytes bytes) : rest_(bytes) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    Bytes take(std::size_t count) {
        if (count > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const auto out = rest_.first(count);
        rest_ = rest_.from(count);
        return out;
    }
    Bytes v8() { return take(u8()); }
    Bytes v16() { return take(u16()); }
    template <std::size_t N>
    std::array<std::uint8_t, N> array() {
        std::array<std::uint8_t, N> out{};
        const auto bytes = take(N);
        std::ranges::transform(bytes, out.begin(),
                               [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
        return out;
    }

    Bytes rest() const { return rest_; }
    bool ok() const { return ok_; }
    /// Everything was there and nothing is left over.
    bool done() const { return ok_ && rest_.empty(); }

private:
    std::uint64_t number(std::size_t count) {
        std::uint64_t out = 0;
        for (const auto byte : take(count)) out = out << 8 | std::to_integer<std::uint64_t>(byte);
        return out;
    }

    Bytes rest_;
    bool ok_ = true;
};

/// Appends the same fields to a string. For what is public: secrets would stay behind in it.
class Writer {
public:
    explicit Writer(std::string& out) : out_(out) {}

    Writer& u8(std::uint8_t value) { return number(value, 1); }
    Writer& u16(std::uint16_t value) { return number(value, 2); }
    Writer& u32(std::uint32_t value) { return number(value, 4); }
    Writer& u64(std::uint64_t value) { return number(value, 8); }
    Writer& bytes(Bytes bytes) {
        out_ += bytes.text();
        return *this;
    }
    /// Requires at most 255, or 65,535, bytes.
    Writer& v8(Bytes value) { return u8(static_cast<std::uint8_t>(value.size())).bytes(value); }
    Writer& v16(Bytes value) { return u16(static_cast<std::uint16_t>(value.size())).bytes(value); }

private:
    Writer& number(std::uint64_t value, unsigned count) {
        while (count-- > 0) out_ += static_cast<char>(value >> 8 * count & 0xFF);
        return *this;
    }

    std::string& out_;
};

}  // namespace penstock::crypto
