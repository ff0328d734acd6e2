// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/net/peer.hpp>
#include <penstock/stream/limits.hpp>
#include <penstock/stream/stream_ctl.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

namespace penstock::stream {

enum class Role : std::uint8_t { client, server };

/// What stream_ctl has agreed upon.
struct SessionTerms {
    Role role = Role::client;
    net::Peer peer{};
    std::vector<LetterReply> letters{};  ///< of the reply; those that were not granted are passed over
    std::uint32_t connection_window_bytes = stream::connection_window_bytes;
    std::uint32_t record_bytes_max = stream::record_bytes_max;
    std::chrono::milliseconds ping = ping_time;
};

}  // namespace penstock::stream
