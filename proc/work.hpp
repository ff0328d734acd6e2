// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/sendable.hpp>
#include <penstock/proc/answer.hpp>

#include <concepts>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace penstock::proc {

class Queue;

/// A job that can be run again, for it answers done() or again(). Its arguments stay in its node from run to
/// run: taken by reference they are its state, taken by value each run gets a copy.
template <class F, class... A>
concept Repeating = requires(std::decay_t<F>& f, Queue& queue, std::decay_t<A>&... arguments) {
    { f(queue, arguments...) } -> std::same_as<Answer>;
};
/// A job that is run once, and gets its arguments by move.
template <class F, class... A>
concept Once = std::invocable<std::decay_t<F>&, Queue&, std::decay_t<A>...> &&
               !std::same_as<std::invoke_result_t<std::decay_t<F>&, Queue&, std::decay_t<A>...>, Answer>;

/// What a queue can run: code that captures nothing, with Sendable arguments: f(Queue&, args...).
template <class F, class... A>
concept Runnable = core::Captureless<std::decay_t<F>> && (core::Sendable<std::decay_t<A>> && ...) &&
                   (Repeating<F, A...> || Once<F, A...>);

namespace detail {

template <class F, class... A>
struct OutcomeOf : core::InResult<std::invoke_result_t<std::decay_t<F>&, Queue&, std::decay_t<A>...>> {};
template <class F, class... A>
    requires Repeating<F, A...>
struct OutcomeOf<F, A...> : core::InResult<void> {};

}  // namespace detail

/// What comes back: always a Result, for the queue may be full.
template <class F, class... A>
using Outcome = typename detail::OutcomeOf<F, A...>::type;
/// Runnable, with a result that may cross back.
template <class F, class... A>
concept Answering = Runnable<F, A...> && core::Sendable<Outcome<F, A...>>;

/// Code and arguments of one job, until it ends.
template <class F, class... A>
class Work {
public:
    template <class... B>
    explicit Work(F function, B&&... arguments)
        : function_(function), arguments_(std::in_place, std::forward<B>(arguments)...) {}

    /// Runs it; what it answers is emplaced into `result`.
    template <class R>
    Answer run(Queue& queue, R& result) {
        if constexpr (Repeating<F, A...>) {
            const auto answer =
                std::apply([&](auto&... argument) { return function_(queue, argument...); }, *arguments_);
            if (answer.is_done()) result.emplace();
            return answer;
        } else {
            std::apply(
                [&](auto&... argument) {
                    if constexpr (std::is_void_v<std::invoke_result_t<F&, Queue&, A...>>) {
                        function_(queue, std::move(argument)...);
                        result.emplace();
                    } else {
                        result.emplace(function_(queue, std::move(argument)...));
                    }
                },
                *arguments_);
            return done();
        }
    }
    void discard() { arguments_.reset(); }
    static const char* name() { return __PRETTY_FUNCTION__; }

private:
    [[no_unique_address]] F function_;
    std::optional<std::tuple<A...>> arguments_;
};

}  // namespace penstock::proc
