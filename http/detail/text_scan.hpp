// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace penstock::http::detail {

/// One flag (0x80) in each byte of `word` that is below 0x20 or is 0x7F. The lowest flag is exact, those
/// above it may be false.
constexpr std::uint64_t control_flags(std::uint64_t word) {
    constexpr std::uint64_t ones = 0x0101010101010101, flags = 0x8080808080808080;
    const auto del = word ^ ones * 0x7F;
    return (((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & flags;
}

/// The first control character in [at, end) other than HTAB, else end. Eight bytes a step: it finds a line's
/// CR and checks the line in one pass.
inline const char* skip_text(const char* at, const char* end) {
    for (;;) {
        if constexpr (std::endian::native == std::endian::little) {
            while (end - at >= 8) {
                std::uint64_t word;
                std::memcpy(&word, at, 8);
                if (const auto found = control_flags(word)) {
                    at += std::countr_zero(found) / 8;
                    break;
                }
                at += 8;
            }
        }
        while (at != end && static_cast<unsigned char>(*at) >= 0x20 && *at != 0x7F) ++at;
        if (at == end || *at != '\t') return at;
        ++at;
    }
}

}  // namespace penstock::http::detail
