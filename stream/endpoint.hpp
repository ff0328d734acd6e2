// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/limits.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::stream {

/// What carries a session; the numbers are the wire's (docs/protocol.md, 2.3).
enum class Transport : std::uint8_t { tcp = 1, websocket = 2, udp = 3 };

using Cid = std::array<std::uint8_t, cid_bytes>;

/// Where a node wants its sessions attached (2.2): `u8 transport | v8 host | u16 port | v8 cid`. A view.
struct Endpoint {
    Transport transport = Transport::tcp;
    std::string_view host{};  ///< 1 to 255 visible ASCII characters
    std::uint16_t port = 0;
    Bytes cid{};  ///< of UDP: cid_bytes; else empty
};
bool is_valid(const Endpoint& endpoint);
/// False: it isn't valid, or isn't all there.
[[nodiscard]] bool read_endpoint(crypto::Reader& reader, Endpoint& endpoint);
/// Requires is_valid().
void append_endpoint(std::string& out, const Endpoint& endpoint);

}  // namespace penstock::stream
