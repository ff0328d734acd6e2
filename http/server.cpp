// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/server.hpp>

namespace penstock::http {

Server::Server(Worker& worker, const Address& address, std::shared_ptr<Router> router,
               ServerSettings settings)
    : worker_(worker),
      context_(std::make_shared<ServerContext>(ServerContext{std::move(router), settings})),
      tcp_(worker, address,
           [context = context_](Pipeline& line) { line.add(std::make_unique<Connection>(context)); }) {}

Result<void> Server::start() {
    if (const auto& problem = context_->router->problem(); !problem.empty()) {
        worker_.log().error("bad route", {"problem", problem});
        return fail(Error(core::Domain::settings, 1, "a route has a bad pattern: see the log"));
    }
    return tcp_.start();
}

}  // namespace penstock::http
