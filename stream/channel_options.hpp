// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/stream/limits.hpp>

#include <cstddef>
#include <cstdint>

namespace penstock::stream {

/// How the channels of a letter behave; both sides' limits are brought to the lower one by stream_ctl.
struct ChannelOptions {
    std::size_t window_bytes = channel_window_bytes;
    std::size_t message_bytes_max = stream::message_bytes_max;  ///< at most half the window takes effect
    std::uint16_t instances_max = 1;  ///< open at a time and side, instance 0 among them
    std::uint8_t weight = 4;          ///< 1 to weight_max
    /// Off: packets are pieces of messages, which then have no limit but the sender's queue.
    bool whole_messages = true;
};

}  // namespace penstock::stream
