// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/remote.hpp>
#include <penstock/events/worker.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace penstock::core {
class Logger;
}

namespace penstock::events {

class Simulation;

struct ReactorSettings {
    unsigned workers = 0;  ///< 0: as many as the affinity mask and the cgroup quota allow; the log says why
    std::string backend = "auto";                          ///< see backends.hpp
    std::unique_ptr<Backend> (*make_backend)() = nullptr;  ///< one of your own
    bool pin = true;                                       ///< each worker to its CPU
    bool balance = true;  ///< fresh connections go to who holds clearly fewer (see AcceptBalance)
    /// What holds its worker for longer is logged. Zero: not looked at.
    std::chrono::nanoseconds stall_limit = std::chrono::milliseconds(100);
    core::Logger* logger = nullptr;  ///< outlives the reactor; null: one of its own, to stderr
    /// The workers are simulated, without threads; outlives the reactor. See backend/simulated.hpp.
    Simulation* simulation = nullptr;
};

/// How a stop went: connections that ended by themselves, and those that the deadline cut.
struct Stopped {
    std::size_t drained = 0, cut = 0;
};

/// All workers: one pinned thread each. Thread: any (but run, start, stop and wait: not a worker's).
///
/// Set-up code is run once on each worker, before any event; like all that crosses threads it captures
/// nothing and gets Sendable arguments (each worker a copy).
///
/// In a Simulation its workers share one host (0: one worker), clock and randomness are the simulation's, and
/// no thread is made. start and set-up run inline, one worker after the other; stop and wait run the whole
/// simulation until the workers have ended (stop by a deadline of zero, and the destructor: only these).
class Reactor : core::Affine {
public:
    explicit Reactor(ReactorSettings settings = {});
    Reactor(Simulation& simulation, ReactorSettings settings);
    explicit Reactor(Simulation& simulation) : Reactor(simulation, ReactorSettings()) {}
    /// Stops at once what still runs.
    ~Reactor();

    /// For main: starts, serves until SIGINT or SIGTERM, then drains for at most `drain_deadline` (a second
    /// signal cuts). Answers 0; 1 when it could not start, and then the reason is printed.
    template <class F, class... A>
        requires Crossing<F, Worker, A...> &&
                 std::same_as<std::invoke_result_t<F&, Worker&, std::decay_t<A>...>, Result<void>>
    int run(F set_up, A&&... args) {
        return run_set_up(set_up_of(set_up, std::forward<A>(args)...));
    }
    static constexpr std::chrono::seconds drain_deadline{10};

    /// For main: runs a coroutine on worker 0; its end is the end, and its answer is the answer. What it
    /// throws is printed and answers 1; SIGINT and SIGTERM answer 130.
    template <class F, class... A>
        requires Crossing<F, Worker, A...> &&
                 std::same_as<std::invoke_result_t<F&, Worker&, std::decay_t<A>...>, Task<int>>
    int run_task(F program, A&&... args) {
        auto held = std::make_shared<std::tuple<std::decay_t<A>...>>(std::forward<A>(args)...);
        return run_program([program, held](Worker& worker) {
            return std::apply([&](auto&... argument) { return program(worker, std::move(argument)...); },
                              *held);
        });
    }

    /// Starts the workers and runs the set-up on each. When one fails, all are stopped and its error is the
    /// answer.
    template <class F, class... A>
        requires Crossing<F, Worker, A...>
    Result<void> start(F set_up, A&&... args) {
        return start_set_up(set_up_of(set_up, std::forward<A>(args)...));
    }
    Result<void> start() {
        return start([](Worker&) {});
    }
    /// Listeners close, connections end as soon as they are at rest; the deadline cuts the rest. Then the
    /// workers end. May be started again.
    Stopped stop(std::chrono::nanoseconds deadline);
    /// Likewise from anywhere, without waiting.
    void stop_soon(std::chrono::nanoseconds deadline);
    /// Until somebody stops it.
    Stopped wait();

    /// Makes `shared` every worker's local<T>(): synchronized, outlives the reactor, before start.
    template <class T>
        requires std::is_base_of_v<core::Affine, T>
    void lend(T& shared) {
        lend_index(detail::type_index<T>, &shared);
    }
    /// Makes it every worker's local<const T>(). A later one replaces it between turns.
    template <class T>
    void lend(std::shared_ptr<const T> shared) {
        lend_shared(detail::type_index<const T>, std::move(shared));
    }

    unsigned workers() const;
    /// Before start and after stop it answers "stopped" to posts.
    Remote<Worker> worker(unsigned index);
    /// By busy time.
    Remote<Worker> least_loaded() { return worker(least_loaded_index()); }
    unsigned least_loaded_index() const;
    /// Asks workers that hold clearly more connections than the mean to move those that are at rest, and
    /// whose handler is Movable, to workers that hold fewer. Answers how many were asked for; fewer may move,
    /// soon.
    std::size_t rebalance();
    /// Posts to every worker, or to none.
    template <class F, class... A>
        requires Crossing<F, Worker, A...>
    Posted post_all(F f, const A&... args) {
        using P = detail::Posting<Worker, std::decay_t<F>, A...>;
        const auto all = workers();
        std::vector<P> postings;  // made first: from the first reserved cell on nothing may throw
        postings.reserve(all);
        for (unsigned i = 0; i < all; ++i) postings.push_back(P{{}, f, std::tuple<A...>(args...)});
        std::vector<Inbox::Reserved> reserved;
        reserved.reserve(all);
        auto answer = Posted::ok;
        for (unsigned i = 0; i < all && answer == Posted::ok; ++i) {
            const auto remote = worker(i);
            if (remote.inbox_ == nullptr) {
                answer = Posted::stopped;
                break;
            }
            reserved.push_back(remote.inbox_->reserve(remote.epoch_));
            answer = reserved.back().posted;
        }
        for (unsigned i = 0; i < reserved.size(); ++i) {
            auto& cell = reserved[i];
            if (cell.posted != Posted::ok) continue;
            if (answer == Posted::ok)
                detail::fill(*cell.cell, std::move(postings[i]));
            else
                detail::put_nothing(*cell.cell);
            auto* inbox = worker(i).inbox_;
            inbox->publish(cell);
        }
        return answer;
    }

    /// One line a worker, for status pages. Thread: any.
    struct WorkerStatus {
        int cpu;
        std::size_t sockets;
        unsigned busy;  ///< thousandths
        std::uint64_t stalls;
        core::HistogramCounts turns_ns;  ///< what turns took, less their waits
    };
    WorkerStatus status(unsigned index) const;
    core::Logger& logger();

private:
    using SetUp = std::function<Result<void>(Worker&)>;
    template <class F, class... A>
    static SetUp set_up_of(F set_up, A&&... args) {
        return [set_up, held = std::tuple<std::decay_t<A>...>(std::forward<A>(args)...)](
                   Worker& worker) -> Result<void> {
            auto mine = held;
            return std::apply(
                [&](auto&... argument) -> Result<void> {
                    if constexpr (std::is_void_v<std::invoke_result_t<F&, Worker&, std::decay_t<A>...>>) {
                        set_up(worker, std::move(argument)...);
                        return {};
                    } else {
                        return set_up(worker, std::move(argument)...);
                    }
                },
                mine);
        };
    }
    int run_set_up(SetUp set_up);
    int run_program(std::function<Task<int>(Worker&)> program);
    Result<void> start_set_up(SetUp set_up);
    void lend_index(std::size_t type, const void* object);
    void lend_shared(std::size_t type, std::shared_ptr<const void> object);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::events

namespace penstock {
using events::Reactor;
}
