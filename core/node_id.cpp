// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/node_id.hpp>

namespace penstock::core {
namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";

}  // namespace

Result<NodeId> NodeId::parse(std::string_view text) {
    constexpr Error wrong(Domain::settings, 1, "not a node id: it has 52 characters, a-z and 2-7");
    if (text.size() != text_length) return fail(wrong);
    std::array<std::uint8_t, 32> bytes{};
    std::uint32_t bits = 0;
    unsigned held = 0;
    std::size_t at = 0;
    for (const char c : text) {
        const auto value = alphabet.find(c);
        if (value == std::string_view::npos) return fail(wrong);
        bits = bits << 5 | static_cast<std::uint32_t>(value);
        held += 5;
        if (held >= 8) {
            held -= 8;
            bytes[at++] = static_cast<std::uint8_t>(bits >> held);
            bits &= (1u << held) - 1;
        }
    }
    if (bits != 0)
        return fail(wrong);  // 260 bits of text for 256 of id: the rest is zero, so each id has one text
    return NodeId(bytes);
}

std::string NodeId::text() const {
    std::string out;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const auto byte : bytes_) {
        bits = bits << 8 | byte;
        held += 8;
        while (held >= 5) {
            held -= 5;
            out += alphabet[bits >> held & 31];
        }
    }
    return out += alphabet[bits << (5 - held) & 31];
}

}  // namespace penstock::core
