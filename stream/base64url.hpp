// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

// RFC 4648, 5, unpadded, as ids and handshake messages stand in lines of HTTP (docs/protocol.md, 0.3).
namespace penstock::stream {

constexpr std::size_t base64url_chars(std::size_t count_bytes) { return (count_bytes * 8 + 5) / 6; }

void append_base64url(std::string& out, Bytes bytes);

/// Into `out`, which has to be filled exactly. Strict: no padding, no white space, unused bits are zero.
[[nodiscard]] bool decode_base64url(std::string_view text, std::span<std::byte> out);

}  // namespace penstock::stream
