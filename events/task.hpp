// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/assert.hpp>
#include <penstock/core/result.hpp>
#include <penstock/events/deferred.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

// Coroutines on a worker.
//
// A Task runs on the worker that started it, until it waits; what it awaits resumes it there, never inside a
// call of its own. Its frame is owned by the frame that awaits it, or by a TaskRoot (a worker's spawn, an
// exchange); when the owner goes, the frame dies at its co_await, and destructors clean up. An owner may go
// while its coroutine runs, also from inside it: then the frame dies as soon as it waits.

namespace penstock::events {

class Worker;

namespace detail {

class TaskRoot;

struct PromiseBase {
    TaskRoot* root = nullptr;
    std::coroutine_handle<> continuation;
    std::exception_ptr thrown;

    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
        bool await_ready() noexcept { return false; }
        template <class P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) noexcept {
            auto next = ended.promise().continuation;
            return next ? next : std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() { thrown = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
    std::optional<T> value;
    template <class U>
        requires std::convertible_to<U&&, T>
    void return_value(U&& returned) {
        value.emplace(std::forward<U>(returned));
    }
    T take() {
        if (thrown) std::rethrow_exception(thrown);
        return std::move(*value);
    }
};
template <>
struct Promise<void> : PromiseBase {
    void return_void() {}
    void take() {
        if (thrown) std::rethrow_exception(thrown);
    }
};

}  // namespace detail

/// A coroutine that answers a T. Starts when it is awaited or spawned; owns its frame.
template <class T = void>
class [[nodiscard]] Task {
public:
    struct promise_type : detail::Promise<T> {
        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    };

    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        Task ended(std::move(*this));
        frame_ = std::exchange(other.frame_, nullptr);
        return *this;
    }
    ~Task() {
        if (frame_) frame_.destroy();
    }

    bool await_ready() noexcept { return false; }
    template <std::derived_from<detail::PromiseBase> P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> awaiting) noexcept {
        frame_.promise().root = awaiting.promise().root;
        frame_.promise().continuation = awaiting;
        return frame_;
    }
    T await_resume() { return frame_.promise().take(); }

private:
    friend class detail::TaskRoot;
    explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

/// What a chain of coroutines hangs from: it knows whether the chain runs, so that it is never destroyed
/// under its own feet. Owner: whoever starts a coroutine; it must stay until the end of the turn when it goes
/// (Worker::bury).
class TaskRoot {
public:
    explicit TaskRoot(Worker& worker) : worker_(worker) {}
    virtual ~TaskRoot() { PENSTOCK_ASSERT(!is_running_); }
    TaskRoot(const TaskRoot&) = delete;
    TaskRoot& operator=(const TaskRoot&) = delete;

    /// Runs it until it waits. `on_finished` may be called inside.
    void start(Task<> task);
    void resume(std::coroutine_handle<> frame);
    /// The frame goes now, or, while it runs, when it next waits. on_finished is not called.
    void destroy();
    bool is_started() const { return static_cast<bool>(task_.frame_); }
    Worker& worker() const { return worker_; }

protected:
    /// The coroutine returned, or threw.
    virtual void on_finished(std::exception_ptr thrown) = 0;

private:
    Worker& worker_;
    Task<> task_{nullptr};
    bool is_running_ = false;
    bool is_doomed_ = false;
};

/// A waiting coroutine that was told to go on: resumed by its worker later in the same turn.
class Wakeup : Deferred {
public:
    void waits(TaskRoot& root, std::coroutine_handle<> frame) {
        root_ = &root;
        frame_ = frame;
    }
    bool is_waiting() const { return root_ != nullptr; }
    /// Requires is_waiting().
    void schedule() { defer(root_->worker()); }

private:
    void on_deferred() override { root_->resume(frame_); }

    TaskRoot* root_ = nullptr;
    std::coroutine_handle<> frame_;
};

template <class T>
struct Answered {
    std::optional<T> value;
};
template <>
struct Answered<void> {
    struct Nothing {};
    std::optional<Nothing> value;
};

}  // namespace detail

template <class T>
class Awaitable;

/// The other end of an Awaitable, inside whatever will answer it. Either end may die first. Thread: its
/// worker's.
template <class T>
class Answer {
public:
    Answer() = default;
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;
    ~Answer();

    /// Someone still waits.
    bool is_awaited() const { return awaitable_ != nullptr; }
    template <class... V>
    void give(V&&... value);

private:
    friend class Awaitable<T>;
    Awaitable<T>* awaitable_ = nullptr;
};

/// What an asynchronous call answers: `co_await` it, once. Lives in the awaiting frame; its end cuts the link
/// to the operation. One that is not awaited gives up its answer, not the operation.
template <class T = void>
class [[nodiscard]] Awaitable : detail::Wakeup {
public:
    /// Answered later by `answer`.
    explicit Awaitable(Answer<T>& answer) : answer_(&answer) { answer.awaitable_ = this; }
    /// Likewise; `begin` is called when the link is made.
    template <std::invocable Begin>
    Awaitable(Answer<T>& answer, Begin begin) : Awaitable(answer) {
        begin();
    }
    /// Answered already.
    template <class U>
        requires(!std::is_void_v<T> && std::convertible_to<U &&, T> &&
                 !std::same_as<std::remove_cvref_t<U>, Answer<T>>)
    explicit Awaitable(U&& value) {
        answered_.value.emplace(std::forward<U>(value));
    }
    Awaitable(const Awaitable&) = delete;
    Awaitable& operator=(const Awaitable&) = delete;
    ~Awaitable() override {
        if (answer_ != nullptr) answer_->awaitable_ = nullptr;
    }

    bool await_ready() const noexcept { return answered_.value.has_value(); }
    template <std::derived_from<detail::PromiseBase> P>
    void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
        this->waits(*awaiting.promise().root, awaiting);
    }
    T await_resume() {
        if constexpr (!std::is_void_v<T>) return std::move(*answered_.value);
    }

private:
    friend class Answer<T>;
    Answer<T>* answer_ = nullptr;
    detail::Answered<T> answered_;
};

template <class T>
Answer<T>::~Answer() {
    if (awaitable_ != nullptr) awaitable_->answer_ = nullptr;
}

template <class T>
template <class... V>
void Answer<T>::give(V&&... value) {
    auto* awaitable = std::exchange(awaitable_, nullptr);
    if (awaitable == nullptr) return;
    awaitable->answer_ = nullptr;
    awaitable->answered_.value.emplace(std::forward<V>(value)...);
    if (awaitable->is_waiting()) awaitable->schedule();
}

}  // namespace penstock::events

namespace penstock {
using events::Awaitable;
using events::Task;
}  // namespace penstock
