// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/frame_lists.hpp>
#include <penstock/stream/limits.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

// The frames inside a record (docs/protocol.md, 3.3), as plain values and views of the record's plaintext.
// FrameReader makes them, FrameWriter writes them. PAD, and unknown kinds that may be skipped, are never
// seen.
namespace penstock::stream {

enum class FrameKind : std::uint8_t {
    pad = 0x00,
    data = 0x10,      ///< to 0x1F: the low bits are flags
    data_fin = 0x20,  ///< to 0x2F
    resume = 0x30,
    window = 0x31,
    ping = 0x33,
    pong = 0x34,
    goaway = 0x35,
    close = 0x36,
    reset = 0x37,
    stop = 0x3B,
    settings = 0x3D,
};
inline constexpr std::uint8_t skipped_from = 0xC0;  ///< unknown kinds from here on are skipped

/// A piece of a message. Which shapes exist, whatever the channel's state (total is there exactly in the
/// first):
///
///     begins, !ends     first piece of several          !begins, !ends        one in the middle, not empty
///     begins, ends      a whole message                 !begins, !ends, fin   nothing but the end: empty
///     !begins, ends     last piece                      fin with ends         end behind this message
struct DataFrame {
    ChannelId channel{};
    std::uint8_t type = 0;  ///< "ptype": counts where `begins`
    bool begins = false, ends = false;
    bool is_fin = false;
    std::optional<std::uint64_t> offset{};  ///< in the first piece of a channel after an attach
    std::uint32_t total_bytes = 0;          ///< of the message, which is longer than this piece; else 0
    Bytes data{};

    /// What it moves the channel's offset by.
    std::uint64_t cost() const { return (begins ? message_cost_bytes : 0) + data.size(); }
};

/// Channel 0 is the connection.
struct WindowFrame {
    WindowEntries entries;
};
struct PingFrame {
    std::uint64_t opaque = 0;
    std::uint32_t held_us = 0;
};
struct PongFrame {
    std::uint64_t opaque = 0;
    std::uint32_t held_us = 0;  ///< how long the PING waited for its answer
};
struct ResetFrame {
    ChannelId channel{};
    crypto::Code code = crypto::Code::no_error;
    std::uint64_t final_offset = 0;
};
/// "Please stop sending."
struct StopFrame {
    ChannelId channel{};
    crypto::Code code = crypto::Code::no_error;
};
struct CloseFrame {
    crypto::Code code = crypto::Code::no_error;
    std::string_view text{};  ///< any bytes
};
struct GoawayFrame {
    crypto::Code code = crypto::Code::no_error;
    std::uint32_t drain_ms = 0;
    Marks accepted;  ///< per letter, the last instance that was taken
    Endpoints endpoints;
    std::string_view text{};  ///< any bytes
};
/// A part of the resume snapshot.
struct ResumeFrame {
    bool is_last = false;
    ResumeEntries entries;
    Marks opened;  ///< per letter, the highest instance that the peer opened
};
struct SettingsFrame {
    std::optional<std::uint32_t> ping_ms{};
    std::optional<std::uint32_t> record_bytes_max{};
};

using Frame = std::variant<DataFrame, WindowFrame, PingFrame, PongFrame, ResetFrame, StopFrame, CloseFrame,
                           GoawayFrame, ResumeFrame, SettingsFrame>;

}  // namespace penstock::stream
