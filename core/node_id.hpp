// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <array>
#include <compare>
#include <string>
#include <string_view>

namespace penstock::core {

/// Who a node is: the hash of its Ed25519 node key (docs/protocol.md, 1.3). Opaque here: 32 bytes, shown as
/// 52 characters of base32 (RFC 4648, lower case, unpadded).
class NodeId {
public:
    static constexpr std::size_t text_length = 52;

    constexpr NodeId() = default;
    constexpr explicit NodeId(const std::array<std::uint8_t, 32>& bytes) : bytes_(bytes) {}
    static Result<NodeId> parse(std::string_view text);

    constexpr const std::array<std::uint8_t, 32>& bytes() const { return bytes_; }
    std::string text() const;

    friend constexpr auto operator<=>(const NodeId&, const NodeId&) = default;
    static constexpr bool sendable = true;

private:
    std::array<std::uint8_t, 32> bytes_{};
};

}  // namespace penstock::core

namespace penstock {
using core::NodeId;
}
