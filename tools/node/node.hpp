// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/settings.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/http/router.hpp>
#include <penstock/node/options.hpp>
#include <penstock/proc/processor.hpp>
#include <penstock/stream/channels.hpp>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace penstock::node {

/// What builds something on every worker: code that captures nothing, with Sendable arguments that can be
/// copied, for each worker gets its own.
template <class F, class... A>
concept Builder = core::Captureless<F> && ((core::Sendable<A> && std::copy_constructible<A>) && ...);

/// A node daemon: settings, log, Reactor, Processor, HTTP listeners, encrypted requests, sessions with
/// lettered channels, admin pages, signals, drain.
///
///     int main(int argc, char** argv) { return Node(argc, argv).routes(routes).run(); }
///
/// Nothing fails before run() or start(). Command line: --config FILE, --listen ADDR:PORT, --workers N,
/// --state DIR, --help, --version; the sections of the file: settings.hpp and the program's own.
///
/// Every worker can use local<proc::Processor>(), the local<const S>() of each settings table, and
/// local<const NodeSettings>(), whose `state` is the folder in use. On each,
/// first the each_worker functions run, then the channels and the routes are built, in the order in which
/// they were given; then it listens.
///
/// Who it is: an identity in the state folder (node.key, made when it is missing). Every route is also
/// reached by encrypted requests; clients that [stream] lets in open sessions, and there the channels are.
///
/// Admin pages: / (about this node), /healthz (503 while it drains), /metrics (Prometheus), /status (JSON).
/// They stand on the listener of [admin]; without one, beside the routes, but only while these are on a
/// loopback address. There the four paths are the node's: a route of the program with one of these patterns
/// is refused at start, and a wildcard doesn't get them.
///
/// Thread: main's. Owner: you.
class Node : core::Affine {
public:
    /// Its command line is the Node's.
    Node(int argc, char** argv);
    /// For programs with a command line of their own.
    explicit Node(Options options);
    /// In a simulation, as a host of it with this many workers (0: one), and as many queues of the Processor.
    /// What it would keep in its state folder lives in it, unless the options name one; its keys come from
    /// the seed. Signals and the log settings mean nothing there, nor does run().
    Node(events::Simulation& simulation, Options options);
    /// Stops at once what still runs.
    ~Node();

    /// Builds the routes of a worker: f(Router&, Worker&, args...). What handlers capture belongs to it.
    template <class F, class... A>
        requires Builder<F, A...> && std::invocable<F&, http::Router&, Worker&, A...>
    Node& routes(F f, A... args) {
        return add_routes(
            [f, held = std::tuple<A...>(std::move(args)...)](http::Router& router, Worker& worker) mutable {
                auto mine = held;
                std::apply([&](auto&... argument) { f(router, worker, std::move(argument)...); }, mine);
            });
    }
    /// Says which lettered channels there are, and what handles them, on each worker: f(Channels&, Worker&,
    /// args...).
    template <class F, class... A>
        requires Builder<F, A...> && std::invocable<F&, stream::Channels&, Worker&, A...>
    Node& channels(F f, A... args) {
        return add_channels([f, held = std::tuple<A...>(std::move(args)...)](stream::Channels& channels,
                                                                             Worker& worker) mutable {
            auto mine = held;
            std::apply([&](auto&... argument) { f(channels, worker, std::move(argument)...); }, mine);
        });
    }
    /// Runs on each worker before its routes are built: f(Worker&, args...). An error ends the start.
    template <class F, class... A>
        requires Builder<F, A...> && events::Crossing<F, Worker, A...> &&
                 std::same_as<std::invoke_result_t<F&, Worker&, A...>, Result<void>>
    Node& each_worker(F f, A... args) {
        return add_worker_set_up([f, held = std::tuple<A...>(std::move(args)...)](Worker& worker) mutable {
            auto mine = held;
            return std::apply([&](auto&... argument) { return f(worker, std::move(argument)...); }, mine);
        });
    }
    /// Runs on each queue of the Processor before any worker starts: f(Queue&, args...). An error that it
    /// answers, or a throw, ends the start.
    template <class F, class... A>
        requires Builder<F, A...> && events::Crossing<F, proc::Queue, A...>
    Node& each_queue(F f, A... args) {
        return add_queue_set_up([f, held = std::tuple<A...>(std::move(args)...)](proc::Queue& queue) mutable {
            auto mine = held;
            return std::apply(
                [&](auto&... argument) -> Result<void> {
                    using Answered = std::invoke_result_t<F&, proc::Queue&, A...>;
                    if constexpr (std::same_as<Answered, Result<void>>) {
                        return f(queue, std::move(argument)...);
                    } else {
                        static_cast<void>(f(queue, std::move(argument)...));
                        return {};
                    }
                },
                mine);
        });
    }
    /// One more section of the settings file, which every worker reads as local<const S>(). The table
    /// outlives the Node.
    template <class S, std::size_t N>
    Node& settings(const core::Table<S, N>& table) {
        auto held = std::make_shared<S>();
        return add_settings({table, *held},
                            [held](Reactor& reactor) { reactor.lend(std::shared_ptr<const S>(held)); });
    }
    template <class S, std::size_t N>
    Node& settings(const core::Table<S, N>&& table) = delete;

    /// For main: serves until SIGTERM or Ctrl-C, drains (a second signal cuts), and answers 0. What kept it
    /// from starting is printed, and then it answers 1; a wrong command line, 2.
    int run();

    /// For programs with a loop of their own: returns when the node serves. Signals are theirs.
    Result<void> start();
    /// What kept it from starting, for people: where and what to do about it.
    const std::string& problem() const;
    /// Listeners close, what has begun ends by itself until the deadline; then the Processor and the workers
    /// end. A stopped Node is not started again.
    events::Stopped stop(std::chrono::nanoseconds deadline);

    /// Where the routes are, with the port that the system chose. Requires a start.
    Address address() const;
    /// Where the admin pages are; empty: there are none. Requires a start.
    Address admin_address() const;
    /// The folder for what the node keeps. Requires a start.
    const std::string& state_folder() const;
    /// Who it is. Requires a start.
    const NodeId& id() const;

private:
    Node& add_routes(std::function<void(http::Router&, Worker&)> build);
    Node& add_channels(std::function<void(stream::Channels&, Worker&)> build);
    Node& add_worker_set_up(std::function<Result<void>(Worker&)> set_up);
    Node& add_queue_set_up(std::function<Result<void>(proc::Queue&)> set_up);
    Node& add_settings(core::SettingsSection section, std::function<void(Reactor&)> lend);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::node

namespace penstock {
using node::Node;
}
