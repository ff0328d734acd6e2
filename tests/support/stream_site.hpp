// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/stream/encrypted_http.hpp>
#include <penstock/stream/session_table.hpp>

#include <functional>
#include <memory>

#include <support/http_site.hpp>

namespace penstock::test {

inline crypto::Identity identity(std::uint64_t seed) {
    core::SeededRandom random(seed);
    return crypto::Identity::make(random);
}

/// A node in the simulation with channels and encrypted HTTP, at 10.0.0.1:80.
struct StreamSite {
    using Routes = std::function<void(http::Router&, Worker&)>;
    explicit StreamSite(Routes routes, std::function<void(stream::Channels&, Worker&)> letters,
                        std::uint64_t seed = 1, events::Faults faults = {},
                        stream::ClientPolicy policy = {.any = true},
                        std::vector<crypto::Secret<32>> network_keys = {}, std::uint64_t node_seed = 7)
        : site(
              [&](http::Router& router, Worker& worker) {
                  auto inner = std::make_shared<http::Router>();
                  routes(*inner, worker);
                  routes(router, worker);
                  auto channels = std::make_shared<stream::Channels>();
                  letters(*channels, worker);
                  auto made =
                      stream::NodeKeys::make(std::make_shared<const crypto::Identity>(identity(node_seed)),
                                             "node", worker.wall(), policy, network_keys);
                  REQUIRE(made);
                  keys = *made;
                  worker.lend_shared(events::detail::type_index<const stream::NodeKeys>,
                                     std::make_shared<const events::Shared>(events::Shared{keys}));
                  worker.make_local<stream::SessionTable>(worker, channels, std::size_t(8));
                  worker.make_local<stream::EncryptedHttp>(worker, 1u, inner, stream::ServiceSettings())
                      .add_to(router);
              },
              seed, faults) {}

    std::shared_ptr<const stream::NodeKeys> keys;
    Site site;
};

}  // namespace penstock::test
