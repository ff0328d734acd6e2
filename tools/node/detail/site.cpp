// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/admin.hpp>
#include <penstock/node/detail/site.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>

namespace penstock::node {
namespace {

const char* const routes_setting = "--listen ADDR:PORT or node.listen";
const char* const admin_setting = "admin.listen";

}  // namespace

std::string Site::problem() const {
    const std::lock_guard held(lock_);
    return problem_;
}

void Site::tell(std::string problem) {
    const std::lock_guard held(lock_);
    if (problem_.empty()) problem_ = std::move(problem);
}

Result<void> Site::set_up(Worker& worker) {
    const bool is_first = worker.index() == 0;
    auto outcome = Result<void>(fail(Error::os(EFAULT, "the set-up threw")));
    try {
        outcome = build(worker);
    } catch (const std::exception& thrown) {
        tell(std::string("the set-up threw: ") + thrown.what());
    } catch (...) {
        tell("the set-up threw");
    }
    if (is_first && !outcome) first_.set_value({});  // the others wait for it
    return outcome;
}

Result<void> Site::build(Worker& worker) {
    for (const auto& set_up : worker_set_ups)
        if (auto outcome = set_up(worker); !outcome) {
            tell("the set-up of worker " + std::to_string(worker.index()) +
                 " failed: " + outcome.error().message());
            return outcome;
        }
    auto router = build_router(worker);
    if (!router->problem().empty()) {
        tell(router->problem() + hint_of(router->problem()));
        return fail(Error(core::Domain::settings, 1, "a route has a bad pattern"));
    }
    return listen(worker, std::move(router));
}

/// What to do about a pattern that is the node's own.
std::string Site::hint_of(const std::string& problem) const {
    const auto is_about = [&](std::string_view path) {
        return problem.starts_with("route \"" + std::string(path) + '"');
    };
    if (settings.admin_beside_routes && std::ranges::any_of(admin_paths, is_about))
        return "; it is a page of the node itself: move these to another listener by admin.listen, or leave "
               "them out by admin.listen = \"none\"";
    const auto& own = settings.stream;
    if (is_about(own.enc_init_path) || is_about(own.enc_path) || is_about(own.stream_path + "/{id}"))
        return "; it is a path of the encrypted side: move that one by the paths in [stream]";
    return {};
}

std::shared_ptr<http::Router> Site::build_router(Worker& worker) {
    auto router = std::make_shared<http::Router>();
    if (settings.admin_beside_routes) add_admin_routes(*router, *this);
    stream.add_to(worker, router, channels);
    for (const auto& build : routes) build(*router, worker);
    if (worker.index() == 0) worker.make_local<CertificateRenewal>(worker, stream);
    return router;
}

Result<void> Site::start(http::Server& server, const Address& address, const char* where) {
    auto started = server.start();
    if (!started) tell(listen_problem(address, started.error(), where));
    return started;
}

Result<void> Site::listen(Worker& worker, std::shared_ptr<http::Router> router) {
    Bound to{settings.listen, settings.admin_listen.value_or(Address())};
    if (worker.index() != 0) {
        const auto first = bound_.get();
        if (!first) return fail(Error::os(ECANCELED, "worker 0 failed"));
        to = *first;
    }
    auto& servers = worker.local<Servers>();
    auto& main = servers.routes.emplace(worker, to.routes, std::move(router), settings.http.server());
    if (auto started = start(main, to.routes, routes_setting); !started) return started;
    to.routes = main.address();
    if (settings.admin_listen) {
        auto pages = std::make_shared<http::Router>();
        add_admin_routes(*pages, *this);
        auto& admin = servers.admin.emplace(worker, to.admin, std::move(pages), settings.http.server());
        if (auto started = start(admin, to.admin, admin_setting); !started) return started;
        to.admin = admin.address();
    } else if (settings.admin_beside_routes) {
        to.admin = to.routes;
    }
    if (worker.index() == 0) first_.set_value(to);
    return {};
}

}  // namespace penstock::node
