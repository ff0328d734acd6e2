// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/stream/limits.hpp>

#include <compare>
#include <cstdint>

namespace penstock::stream {

constexpr bool is_letter(std::uint32_t value) {
    return value >= static_cast<std::uint32_t>(letter_min) && value <= static_cast<std::uint32_t>(letter_max);
}

/// "cid": letter << 24 | instance (docs/protocol.md, 3.3). An instance's top bit says that the server opened
/// it. Zero is no channel: the connection, in WINDOW.
class ChannelId {
public:
    constexpr ChannelId() = default;
    constexpr explicit ChannelId(std::uint32_t value) : value_(value) {}
    constexpr ChannelId(char letter, std::uint32_t instance)
        : value_(static_cast<std::uint32_t>(static_cast<unsigned char>(letter)) << 24 |
                 (instance & instance_max)) {}

    constexpr std::uint32_t value() const { return value_; }
    constexpr char letter() const { return static_cast<char>(value_ >> 24); }
    constexpr std::uint32_t instance() const { return value_ & instance_max; }
    constexpr bool is_by_server() const { return (value_ & instance_by_server) != 0; }
    /// Whether it names a channel.
    constexpr bool is_valid() const { return is_letter(value_ >> 24); }
    constexpr bool is_connection() const { return value_ == 0; }

    friend constexpr auto operator<=>(const ChannelId&, const ChannelId&) = default;
    static constexpr bool sendable = true;

private:
    std::uint32_t value_ = 0;
};

}  // namespace penstock::stream
