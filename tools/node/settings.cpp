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

}  // namespace penstock::node
