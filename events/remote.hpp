// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/sendable.hpp>
#include <penstock/events/handle_table.hpp>
#include <penstock/events/inbox.hpp>
#include <penstock/events/task.hpp>

#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace penstock::events {

class Scheduled;
class Worker;

/// What may be run on another thread: code that captures nothing, with Sendable arguments.
template <class F, class T, class... A>
concept Crossing = core::Captureless<std::decay_t<F>> && (core::Sendable<std::decay_t<A>> && ...) &&
                   std::invocable<std::decay_t<F>&, T&, std::decay_t<A>...>;

/// Named short cuts of Remote<T> (write, close, send), specialized beside T.
template <class T>
struct ShortCuts {};

template <class T>
class Remote;

namespace detail {

/// What a crossing call answers: a Result, since its object may be gone.
template <class F, class T, class... A>
using CallAnswer =
    typename core::InResult<std::invoke_result_t<std::decay_t<F>&, T&, std::decay_t<A>...>>::type;

/// Runs the callable; what it throws is logged in the worker's name and does not leave.
void guarded(Worker& worker, void (*call)(void*), void* context);
template <class C>
void guard(Worker& worker, C callable) {
    guarded(worker, [](void* context) { (*static_cast<C*>(context))(); }, &callable);
}
void* find(Worker& worker, HandleTable::Handle handle);
Worker* current_worker_of(const Inbox* inbox, std::uint32_t epoch);

template <class T, class F, class... A>
struct Posting {
    HandleTable::Handle handle;
    [[no_unique_address]] F function;
    std::tuple<A...> arguments;

    void run(Worker& worker) {
        auto* object = static_cast<T*>(find(worker, handle));
        if (object == nullptr) return;
        guard(worker, [&] {
            std::apply(
                [&](auto&... argument) { static_cast<void>(function(*object, std::move(argument)...)); },
                arguments);
        });
    }
};

/// Puts a payload into a cell: in place when it fits, else on the heap.
template <class Payload>
void fill(Inbox::Cell& cell, Payload&& payload) {
    using P = std::decay_t<Payload>;
    if constexpr (sizeof(P) <= Inbox::inline_bytes && alignof(P) <= 16) {
        new (cell.payload) P(std::forward<Payload>(payload));
        cell.run = [](Inbox::Cell& ran, Worker* worker) {
            auto* at = std::launder(reinterpret_cast<P*>(ran.payload));
            if (worker != nullptr) at->run(*worker);
            at->~P();
        };
    } else {
        auto owned = std::make_unique<P>(std::forward<Payload>(payload));
        new (cell.payload) P*(owned.release());
        cell.run = [](Inbox::Cell& ran, Worker* worker) {
            const std::unique_ptr<P> taken(*std::launder(reinterpret_cast<P**>(ran.payload)));
            if (worker != nullptr) taken->run(*worker);
        };
    }
}

inline void put_nothing(Inbox::Cell& cell) {
    cell.run = [](Inbox::Cell&, Worker*) {};
}

/// Publishes a reserved cell at its end, also when a copy of an argument throws: then there is nothing in it.
struct Publishing {
    Inbox& inbox;
    const Inbox::Reserved& reserved;
    bool is_due = true;
    Publishing(Inbox& i, const Inbox::Reserved& r) : inbox(i), reserved(r) { put_nothing(*r.cell); }
    ~Publishing() {
        if (is_due) inbox.publish(reserved);
    }
    Publishing(const Publishing&) = delete;
    Publishing& operator=(const Publishing&) = delete;
};

/// A call to another worker, and the node in which its answer rides back. Nobody touches the awaiting frame
/// but its own worker: the link to it lies here.
template <class T, class F, class R, class... A>
struct Call final : Reply {
    Call(HandleTable::Handle to, F f, A... args)
        : handle(to), function(std::move(f)), arguments(std::move(args)...) {}

    Inbox* home = nullptr;
    std::uint32_t home_epoch = 0;
    Answer<R> answer;
    HandleTable::Handle handle;
    [[no_unique_address]] F function;
    std::tuple<A...> arguments;
    R result = core::fail(core::Error::os(ESHUTDOWN, "the worker has stopped"));

    void execute(Worker& worker) {
        auto* object = static_cast<T*>(find(worker, handle));
        result = core::fail(core::Error::os(ENXIO, "the object is gone"));
        if (object == nullptr) return;
        result = core::fail(core::Error::os(EFAULT, "the call threw"));
        guard(worker, [&] {
            std::apply(
                [&](auto&... argument) {
                    using Returned = std::invoke_result_t<F&, T&, A...>;
                    if constexpr (std::is_void_v<Returned>) {
                        function(*object, std::move(argument)...);
                        result = R();
                    } else {
                        result = function(*object, std::move(argument)...);
                    }
                },
                arguments);
        });
    }
    static void deliver(Reply& reply, Worker* worker) {
        const std::unique_ptr<Call> call(static_cast<Call*>(&reply));
        if (worker != nullptr) call->answer.give(std::move(call->result));
    }
};

/// Holds a Call in a cell: executes it and sends it home; sends it home undone when the worker has stopped.
template <class C>
struct Outgoing {
    C* call;
    explicit Outgoing(C* c) : call(c) {}
    Outgoing(Outgoing&& other) noexcept : call(std::exchange(other.call, nullptr)) {}
    ~Outgoing() {
        if (call != nullptr) call->home->reply(call->home_epoch, *call);
    }
    void run(Worker& worker) { call->execute(worker); }
};

Inbox& current_inbox();

}  // namespace detail

/// A reference to an object of some worker, for everyone else. Copies cross threads; one that is stale is
/// harmless, also when its worker or the whole Reactor is gone. There is no way to the object but by post,
/// call and here. Thread: any.
template <class T>
class Remote : public ShortCuts<T> {
public:
    Remote() = default;

    /// Runs f(T&, args...) on the owner, if the object still lives then. `ok`: accepted. After `full` and
    /// `stopped` the arguments are untouched. No allocation up to 40 bytes of arguments.
    template <class F, class... A>
        requires Crossing<F, T, A...>
    Posted post(F f, A&&... args) const {
        if (inbox_ == nullptr) return Posted::stopped;
        const auto reserved = inbox_->reserve(epoch_);
        if (reserved.posted != Posted::ok) return reserved.posted;
        const detail::Publishing publishing(*inbox_, reserved);
        detail::fill(*reserved.cell,
                     detail::Posting<T, std::decay_t<F>, std::decay_t<A>...>{
                         handle_, f, std::tuple<std::decay_t<A>...>(std::forward<A>(args)...)});
        return Posted::ok;
    }

    /// Likewise, and brings back what f answers: `co_await remote.call(f, args...)`. Errors: ENOBUFS full,
    /// ESHUTDOWN stopped, ENXIO gone, EFAULT thrown. Thread: a worker's. One allocation.
    template <class F, class... A>
        requires Crossing<F, T, A...>
    auto call(F f, A&&... args) const {
        using R = detail::CallAnswer<F, T, A...>;
        using C = detail::Call<T, std::decay_t<F>, R, std::decay_t<A>...>;
        const auto reserved =
            inbox_ == nullptr ? Inbox::Reserved{Posted::stopped, nullptr, 0, false} : inbox_->reserve(epoch_);
        if (reserved.posted == Posted::full)
            return Awaitable<R>(R(core::fail(core::Error::os(ENOBUFS, "the inbox is full"))));
        if (reserved.posted == Posted::stopped)
            return Awaitable<R>(R(core::fail(core::Error::os(ESHUTDOWN, "the worker has stopped"))));
        detail::Publishing publishing(*inbox_, reserved);
        auto* call = new C(handle_, f, std::forward<A>(args)...);
        call->run = &C::deliver;
        call->home = &detail::current_inbox();
        call->home_epoch = call->home->epoch();
        detail::fill(*reserved.cell, detail::Outgoing<C>(call));
        // The answer must be linked before the owner can run: the cell is published when the awaitable
        // exists.
        publishing.is_due = false;
        return Awaitable<R>(call->answer, [inbox = inbox_, reserved] { inbox->publish(reserved); });
    }

    /// The object, when called on its own worker and it still lives; else null. For late answers.
    T* here() const {
        auto* worker = detail::current_worker_of(inbox_, epoch_);
        return worker == nullptr ? nullptr : static_cast<T*>(detail::find(*worker, handle_));
    }

    friend bool operator==(const Remote&, const Remote&) = default;
    static constexpr bool sendable = true;

private:
    friend class Worker;
    friend class Reactor;
    template <class F, class... A>
    friend Scheduled schedule(const Remote<Worker>&, std::chrono::nanoseconds, F, A&&...);
    Remote(Inbox& inbox, std::uint32_t epoch, HandleTable::Handle handle)
        : inbox_(&inbox), epoch_(epoch), handle_(handle) {}

    Inbox* inbox_ = nullptr;
    std::uint32_t epoch_ = 0;
    HandleTable::Handle handle_;
};

/// Something on its way from one worker to another: inert, owned alone. `worker.adopt(std::move(detached))`
/// makes it live; one that dies closes and frees what it holds. Thread: any, one at a time. Specialized
/// beside T.
template <class T>
class Detached;

}  // namespace penstock::events

namespace penstock {
using events::Detached;
using events::Remote;
}  // namespace penstock
