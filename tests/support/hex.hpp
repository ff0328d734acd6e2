// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::test {

/// Bytes from hexadecimal digits, which are trusted to be such; spaces are skipped.
inline std::string from_hex(std::string_view digits) {
    std::string out;
    int held = -1;
    for (const char c : digits) {
        if (c == ' ') continue;
        const int value = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (held < 0) {
            held = value;
        } else {
            out += static_cast<char>(held << 4 | value);
            held = -1;
        }
    }
    return out;
}

inline std::string to_hex(Bytes bytes) {
    std::string out;
    for (const auto byte : bytes) {
        out += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
        out += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
    }
    return out;
}

/// The first N bytes, which must be there.
template <std::size_t N = 32>
std::array<std::uint8_t, N> array(std::string_view bytes) {
    std::array<std::uint8_t, N> out{};
    std::transform(bytes.begin(), bytes.begin() + N, out.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    return out;
}

/// The same text with one bit changed.
inline std::string flipped(std::string text, std::size_t at, unsigned bit = 0) {
    text[at] = static_cast<char>(text[at] ^ 1 << bit);
    return text;
}

}  // namespace penstock::test
