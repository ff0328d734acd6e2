// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/node_keys.hpp>

#include <algorithm>

namespace penstock::stream {

bool ClientPolicy::accepts(const NodeId& id) const {
    return any || std::ranges::find(listed, id) != listed.end();
}

Result<std::shared_ptr<const NodeKeys>> NodeKeys::make(std::shared_ptr<const crypto::Identity> identity,
                                                       std::string_view name, core::WallTime now,
                                                       ClientPolicy policy,
                                                       std::vector<crypto::Secret<32>> network_keys) {
    const auto from = now - std::chrono::hours(1);
    auto certificate = identity->certificate(name, from, from + certificate_life, crypto::Usage::server);
    if (!certificate) return fail(certificate);
    return std::make_shared<const NodeKeys>(NodeKeys{
        std::move(identity), std::move(*certificate), std::move(policy), std::move(network_keys), {}});
}

}  // namespace penstock::stream
