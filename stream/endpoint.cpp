// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/endpoint.hpp>

#include <algorithm>

namespace penstock::stream {

bool is_valid(const Endpoint& endpoint) {
    const auto transport = static_cast<unsigned>(endpoint.transport);
    const bool is_visible = std::ranges::all_of(endpoint.host, [](char c) { return c > 0x20 && c < 0x7F; });
    return transport >= 1 && transport <= 3 && !endpoint.host.empty() && endpoint.host.size() <= 255 &&
           is_visible && endpoint.port != 0 &&
           endpoint.cid.size() == (endpoint.transport == Transport::udp ? cid_bytes : 0);
}

bool read_endpoint(crypto::Reader& reader, Endpoint& endpoint) {
    endpoint.transport = static_cast<Transport>(reader.u8());
    endpoint.host = reader.v8().text();
    endpoint.port = reader.u16();
    endpoint.cid = reader.v8();
    return reader.ok() && is_valid(endpoint);
}

void append_endpoint(std::string& out, const Endpoint& endpoint) {
    PENSTOCK_ASSERT(is_valid(endpoint));
    crypto::Writer(out)
        .u8(static_cast<std::uint8_t>(endpoint.transport))
        .v8(endpoint.host)
        .u16(endpoint.port)
        .v8(endpoint.cid);
}

}  // namespace penstock::stream
