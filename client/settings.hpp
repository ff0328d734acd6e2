// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/identity.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/node_id.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::client {

/// What a client needs to know before it begins. Times are the protocol's (docs/protocol.md, 6).
struct Settings {
    std::vector<std::string> uplinks{};  ///< host:port, the first that answers; all of them are one try
    std::optional<NodeId> uplink_id{};   ///< who must answer
    std::string known_nodes{};           ///< file of who answered before; empty: there is none
    bool trusts_first = true;  ///< who is met first is written there; else an unknown node is refused
    std::shared_ptr<const crypto::Identity> identity{};  ///< null: anonymous
    std::optional<crypto::Secret<32>> network_key{};
    bool always_reconnect = true;
    unsigned tries_max =
        8;  ///< failures of one stage in a row, unless it always reconnects; 1: none is mended

    std::string enc_init_path = "/enc_init", enc_path = "/enc", stream_ctl_path = "/stream_ctl",
                stream_path = "/stream";
    std::chrono::milliseconds connect_time_max{5'000};
    std::chrono::milliseconds stage_time_max{10'000};  ///< of one request and of close, too
    std::chrono::milliseconds backoff_base{250}, backoff_max{30'000};

    static constexpr bool sendable = true;
};

}  // namespace penstock::client
