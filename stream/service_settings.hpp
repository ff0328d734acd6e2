// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/stream/limits.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace penstock::stream {

/// Paths, quotas and times of a node's encrypted side.
struct ServiceSettings {
    std::string enc_init_path = "/enc_init";
    std::string enc_path = "/enc";
    std::string stream_ctl_path = "/stream_ctl";
    std::string stream_path = "/stream";  ///< followed by /<session id>

    std::chrono::milliseconds key_idle_max = stream::key_idle;
    std::chrono::milliseconds key_life_max = stream::key_life;
    std::chrono::milliseconds key_fresh_max = stream::key_fresh;
    std::size_t keys_max = 1'000'000;    ///< of one worker
    std::size_t keys_per_node_max = 64;  ///< of one identity
    std::size_t anonymous_keys_per_address_max = 16;
    double handshakes_per_second = 10;  ///< of one address (IPv6: of one /64)
    std::size_t handshake_burst = 50;
    double handshake_time_share = 0.2;  ///< of a worker's time; above it handshakes are answered OVERLOAD
    std::chrono::milliseconds handshake_time_burst{200};  ///< of that time, saved up
    bool certificate_for_everything = false;              ///< policy bit 1
    std::size_t sessions_per_node_max = 8;
};

}  // namespace penstock::stream
