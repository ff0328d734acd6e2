// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/network_key.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/node/detail/stream_service.hpp>
#include <penstock/stream/encrypted_http.hpp>
#include <penstock/stream/session_table.hpp>

#include <cerrno>
#include <utility>

namespace penstock::node {

Done<void> StreamService::load(const AllSettings& settings, const std::string& state_folder) {
    core::KernelRandom random;
    return load(settings, state_folder, random);
}

Done<void> StreamService::load(const AllSettings& settings, const std::string& state_folder,
                               core::Random& random) {
    const auto path = state_folder + "/node.key";
    auto own = state_folder.empty() ? Result<crypto::Identity>(crypto::Identity::make(random))
                                    : crypto::Identity::load_or_make(path, random);
    if (!own)
        return std::unexpected("node key " + path + ": " + own.error().message() +
                               " (where there is none, the node makes one, and has another id)");
    identity_ = std::make_shared<const crypto::Identity>(std::move(*own));
    name_ = settings.node.name;
    policy_ = settings.clients;
    settings_ = settings.stream.service();
    if (auto added = add_network_key(settings, "stream.network_key_file", settings.stream.network_key_file);
        !added)
        return added;
    return add_network_key(settings, "stream.network_key_file_old", settings.stream.network_key_file_old);
}

Done<void> StreamService::add_network_key(const AllSettings& settings, const char* setting,
                                          const std::string& path) {
    if (path.empty()) return {};
    const auto key = crypto::NetworkKey::load(path);
    if (!key)
        return std::unexpected(
            settings.origin(setting, path) + ": " + key.error().message() +
            (key.error() == Error::os(ENOENT) ? "; make one by penstock key new --network FILE" : ""));
    network_keys_.push_back(key->secret());
    return {};
}

Done<std::shared_ptr<const stream::NodeKeys>> StreamService::keys(core::WallTime now) const {
    auto made = stream::NodeKeys::make(identity_, name_, now, policy_, network_keys_);
    if (made) return std::move(*made);
    return std::unexpected("the node's certificate cannot be made: " + made.error().message());
}

void StreamService::add_to(Worker& worker, const std::shared_ptr<http::Router>& router,
                           const std::vector<BuildChannels>& build) const {
    auto channels = std::make_shared<stream::Channels>();
    for (const auto& each : build) each(*channels, worker);
    worker.local<stream::CryptoTools>();  // made first: sessions and keys use them until they die
    worker.make_local<stream::SessionTable>(worker, std::move(channels), settings_.sessions_per_node_max);
    worker.make_local<stream::EncryptedHttp>(worker, worker.reactor().workers(), router, settings_)
        .add_to(*router);
}

CertificateRenewal::CertificateRenewal(Worker& worker, const StreamService& service)
    : worker_(worker), service_(service), timer_(worker, [this] { look(); }) {
    timer_.arm_every(look_every);
}

void CertificateRenewal::look() {
    constexpr auto early = stream::NodeKeys::certificate_life / 2;
    const auto now = worker_.wall();
    if (worker_.local<const stream::NodeKeys>().certificate.not_after() - now > early) return;
    auto made = service_.keys(now);
    if (!made) return worker_.log().error("no new certificate", {"why", made.error()});
    worker_.reactor().lend(std::move(*made));  // a worker whose inbox is full has the old one until next time
    worker_.log().info("new certificate");
}

}  // namespace penstock::node
