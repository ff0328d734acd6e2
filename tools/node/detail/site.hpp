// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/http/server.hpp>
#include <penstock/node/detail/settings.hpp>
#include <penstock/node/detail/stream_service.hpp>
#include <penstock/proc/queue.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace penstock::node {

using BuildRoutes = std::function<void(http::Router&, Worker&)>;
using WorkerSetUp = std::function<Result<void>(Worker&)>;
using QueueSetUp = std::function<Result<void>(proc::Queue&)>;

/// The HTTP servers of one worker: its local<Servers>().
struct Servers {
    std::optional<http::Server> routes, admin;

    std::uint64_t requests() const {
        return (routes ? routes->requests() : 0) + (admin ? admin->requests() : 0);
    }
};

/// What the workers of one Node share, and what each does at its start. Filled before that; then immutable,
/// but for what says otherwise. Thread: any.
class Site : core::Affine {
public:
    AllSettings settings;
    std::vector<BuildRoutes> routes;
    std::vector<BuildChannels> channels;
    std::vector<WorkerSetUp> worker_set_ups;
    StreamService stream;
    core::TimePoint up_since{};  ///< for the time that it has been up
    std::atomic<bool> is_draining = false;

    /// On each worker. Worker 0 listens first: where it chose a port, the others take the same.
    Result<void> set_up(Worker& worker);

    /// What failed first, for people.
    std::string problem() const;
    void tell(std::string problem);

    struct Bound {
        Address routes, admin;  ///< admin: empty when there is none
    };
    /// Requires that a set-up went well.
    const Bound& bound() const { return *bound_.get(); }

private:
    Result<void> build(Worker& worker);
    std::string hint_of(const std::string& problem) const;
    std::shared_ptr<http::Router> build_router(Worker& worker);
    Result<void> listen(Worker& worker, std::shared_ptr<http::Router> router);
    Result<void> start(http::Server& server, const Address& address, const char* where);

    mutable std::mutex lock_;
    std::string problem_;
    std::promise<std::optional<Bound>> first_;
    std::shared_future<std::optional<Bound>> bound_ = first_.get_future().share();
};

/// "cannot listen on 127.0.0.1:80: ..., and what to do".
std::string listen_problem(const Address& address, const Error& error, const char* where);

}  // namespace penstock::node
