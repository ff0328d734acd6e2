// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/remote.hpp>
#include <penstock/events/timer_wheel.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace penstock::events {

namespace detail {

/// A function on its way to its time. It is run once: with its worker, or with null.
class ScheduledNode : Deadline, public std::enable_shared_from_this<ScheduledNode> {
public:
    explicit ScheduledNode(std::chrono::nanoseconds after);
    ~ScheduledNode() override = default;
    /// Thread: any. Once, by who made it.
    void send(Inbox* inbox, std::uint32_t epoch);
    /// Thread: any.
    void cancel();

private:
    friend class ScheduledList;
    /// A message that keeps its node alive.
    struct Way final : Reply {
        std::shared_ptr<ScheduledNode> node;
    };
    static void arrive(Reply& reply, Worker* worker);
    static void arrive_cancelled(Reply& reply, Worker* worker);
    void on_due() override;
    void finish(Worker* worker);
    virtual void call(Worker* worker) = 0;

    const std::chrono::nanoseconds after_;
    Inbox* inbox_ = nullptr;
    std::uint32_t epoch_ = 0;
    Way way_, cancel_way_;
    std::atomic<bool> is_cancelled_{false};
    // The worker's:
    bool is_done_ = false;
    std::shared_ptr<ScheduledNode> next_;  // in the list of those that wait
    ScheduledNode* previous_ = nullptr;
    Worker* waits_on_ = nullptr;
};

template <class F, class... A>
class ScheduledCall final : public ScheduledNode {
public:
    ScheduledCall(std::chrono::nanoseconds after, F f, A... args)
        : ScheduledNode(after), function_(std::move(f)), arguments_(std::move(args)...) {}

private:
    void call(Worker* worker) override {
        std::apply([&](auto&... argument) { function_(worker, std::move(argument)...); }, arguments_);
    }
    [[no_unique_address]] F function_;
    std::tuple<A...> arguments_;
};

}  // namespace detail

/// What schedule() gives: it can be cancelled from any thread, or forgotten. Sendable.
class Scheduled {
public:
    Scheduled() = default;
    /// Unless it ran already, it is run now as cancelled (by its worker; soon).
    void cancel() const {
        if (node_ != nullptr) node_->cancel();
    }
    static constexpr bool sendable = true;

private:
    template <class F, class... A>
    friend Scheduled schedule(const Remote<Worker>&, std::chrono::nanoseconds, F, A&&...);
    explicit Scheduled(std::shared_ptr<detail::ScheduledNode> node) : node_(std::move(node)) {}
    std::shared_ptr<detail::ScheduledNode> node_;
};

/// Calls f(Worker*, args...) exactly once: with the worker, on it, when the time has passed; or with null
/// when it was cancelled, or the worker stopped before. (With null it is called in the worker's thread; in
/// the caller's own, before this returns, if the worker has stopped already.) Never refused for want of room;
/// two allocations. What it throws is logged in the name of the worker on whose thread it is. Thread: any.
///
/// Of those that are due at once, those of one thread run in the order of their calls, and of its posts.
template <class F, class... A>
Scheduled schedule(const Remote<Worker>& worker, std::chrono::nanoseconds after, F f, A&&... args) {
    static_assert(core::Captureless<F>, "what crosses threads captures nothing: hand arguments over");
    static_assert((core::Sendable<std::decay_t<A>> && ...), "an argument is not Sendable");
    static_assert(std::invocable<F&, Worker*, std::decay_t<A>...>);
    auto node = std::make_shared<detail::ScheduledCall<F, std::decay_t<A>...>>(after, std::move(f),
                                                                               std::forward<A>(args)...);
    node->send(worker.inbox_, worker.epoch_);
    return Scheduled(std::move(node));
}

}  // namespace penstock::events
