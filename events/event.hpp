// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/inbox.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace penstock::events {

class Worker;

/// A counter that any thread may add to. Its owner is told the sum, once for many additions, in the worker's
/// next turn, behind the messages that were there before; nothing is ever refused. (An eventfd(2) of somebody
/// else's is a RawDescriptor.)
///
/// Owner: you; it may die inside its callback. Thread: its worker's; others hold a Trigger.
class Event : core::Affine {
    struct State;

public:
    /// Sendable; stale ones are harmless. Thread: any.
    class Trigger {
    public:
        /// Requires count < 2^32. An addition costs one atomic step, the first after a callback a wake-up too
        /// if the worker sleeps.
        void add(std::uint64_t count = 1) const;
        static constexpr bool sendable = true;

    private:
        friend class Event;
        explicit Trigger(std::shared_ptr<State> state) : state_(std::move(state)) {}
        std::shared_ptr<State> state_;
    };

    Event(Worker& worker, std::move_only_function<void(std::uint64_t sum)> on_event);
    ~Event();
    Trigger trigger() const { return Trigger(state_); }

private:
    struct State final : Reply {
        static void deliver(Reply& reply, Worker* worker);
        std::atomic<std::uint64_t> count{0};
        std::shared_ptr<State> self;  // while it is on its way
        Inbox* inbox = nullptr;
        std::uint32_t epoch = 0;
        // The worker's:
        std::move_only_function<void(std::uint64_t)> call;
        bool is_calling = false;
        bool is_dead = false;  // the Event is
    };
    const std::shared_ptr<State> state_;
};

}  // namespace penstock::events
