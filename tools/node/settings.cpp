// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/settings.hpp>

namespace penstock::node {

http::ServerSettings HttpSettings::server() const {
    const auto narrow = [](core::ByteSize size) { return static_cast<std::uint32_t>(size.bytes); };
    http::ServerSettings out;
    out.head_time_max = head_time_max;
    out.idle_time_max = idle_time_max;
    out.limits.request_line_bytes_max = narrow(request_line_bytes_max);
    out.limits.fields_bytes_max = narrow(fields_bytes_max);
    out.limits.fields_max = fields_max;
    out.limits.trailers_bytes_max = narrow(trailers_bytes_max);
    out.limits.trailers_max = trailers_max;
    return out;
}

stream::ServiceSettings StreamSettings::service() const {
    stream::ServiceSettings out;
    out.enc_init_path = enc_init_path;
    out.enc_path = enc_path;
    out.stream_ctl_path = stream_ctl_path;
    out.stream_path = stream_path;
    out.key_idle_max = key_idle_max;
    out.key_life_max = key_life_max;
    out.key_fresh_max = key_fresh_max;
    out.keys_max = keys_max;
    out.keys_per_node_max = keys_per_node_max;
    out.anonymous_keys_per_address_max = anonymous_keys_per_address_max;
    out.handshakes_per_second = handshakes_per_second;
    out.handshake_burst = handshake_burst;
    out.handshake_time_share = handshake_time_share;
    out.handshake_time_burst = handshake_time_burst;
    out.certificate_for_everything = certificate_for_everything;
    out.sessions_per_node_max = sessions_per_node_max;
    return out;
}

}  // namespace penstock::node
