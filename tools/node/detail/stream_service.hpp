// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/identity.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/http/router.hpp>
#include <penstock/node/detail/settings.hpp>
#include <penstock/stream/channels.hpp>
#include <penstock/stream/node_keys.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock::node {

using BuildChannels = std::function<void(stream::Channels&, Worker&)>;

/// Who this node is, whom it believes, and what it says to them in private. `load` fills it before the
/// workers start; then it is immutable. Thread: any.
class StreamService {
public:
    /// Reads the keys: the node's own, made when it is missing, and the network's.
    Done<void> load(const AllSettings& settings, const std::string& state_folder);
    /// Likewise; without a state folder its own is kept nowhere. What is made comes from `random`.
    Done<void> load(const AllSettings& settings, const std::string& state_folder, core::Random& random);
    const NodeId& id() const { return identity_->id(); }
    /// What handshakes show and believe, with a certificate that begins now. To be lent to the workers.
    Done<std::shared_ptr<const stream::NodeKeys>> keys(core::WallTime now) const;
    /// On each worker: the paths of the encrypted side beside the routes, and what serves them. Inside it the
    /// same routes are found.
    void add_to(Worker& worker, const std::shared_ptr<http::Router>& router,
                const std::vector<BuildChannels>& channels) const;

private:
    Done<void> add_network_key(const AllSettings& settings, const char* setting, const std::string& path);

    std::shared_ptr<const crypto::Identity> identity_;
    std::string name_;
    stream::ClientPolicy policy_;
    std::vector<crypto::Secret<32>> network_keys_;
    stream::ServiceSettings settings_;
};

/// Makes a new certificate long before the old one ends, and lends it to all workers. Owner: worker 0.
class CertificateRenewal : core::Affine {
public:
    static constexpr std::chrono::hours look_every{1};

    CertificateRenewal(Worker& worker, const StreamService& service);

    /// What it does every hour: a certificate that has less than half of its life left is replaced.
    void look();

private:
    Worker& worker_;
    const StreamService& service_;
    Timer timer_;
};

}  // namespace penstock::node
