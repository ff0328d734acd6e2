// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::stream::detail {

/// `count` bytes of a big-endian number at `out`; answers what is behind.
inline std::byte* put(std::byte* out, std::uint64_t value, std::size_t count) {
    while (count-- > 0) *out++ = static_cast<std::byte>(value >> 8 * count & 0xFF);
    return out;
}
inline std::byte* put(std::byte* out, Bytes bytes) { return std::ranges::copy(bytes, out).out; }

inline std::uint16_t u16_at(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                      std::to_integer<unsigned>(bytes[at + 1]));
}

}  // namespace penstock::stream::detail
