// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/base64url.hpp>

#include <array>
#include <cstdint>

namespace penstock::stream {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr auto values = [] {
    std::array<std::int8_t, 256> out{};
    out.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    return out;
}();

}  // namespace

void append_base64url(std::string& out, Bytes bytes) {
    unsigned held = 0, bits = 0;
    for (const auto byte : bytes) {
        held = held << 8 | std::to_integer<unsigned>(byte);
        for (bits += 8; bits >= 6; bits -= 6) out += alphabet[held >> (bits - 6) & 63];
    }
    if (bits > 0) out += alphabet[held << (6 - bits) & 63];
}

bool decode_base64url(std::string_view text, std::span<std::byte> out) {
    if (text.size() != base64url_chars(out.size())) return false;
    unsigned held = 0, bits = 0;
    std::size_t at = 0;
    for (const char c : text) {
        const auto value = values[static_cast<unsigned char>(c)];
        if (value < 0) return false;
        held = held << 6 | static_cast<unsigned char>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out[at++] = static_cast<std::byte>(held >> bits & 0xFF);
    }
    return (held & ((1u << bits) - 1)) == 0;
}

}  // namespace penstock::stream
