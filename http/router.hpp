// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/task.hpp>
#include <penstock/http/exchange.hpp>
#include <penstock/proc/processor.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace penstock::http {

/// Answers before it returns, else 500.
template <class H>
concept Plain = requires(H& h, Exchange& x) {
    { h(x) } -> std::same_as<void>;
};
/// May wait; the frame dies when the exchange is over.
template <class H>
concept Coroutine = requires(H& h, Exchange& x) {
    { h(x) } -> std::same_as<Task<>>;
};
template <class H>
concept Factory = requires(H& h, Exchange& x) {
    { h(x) } -> std::convertible_to<std::unique_ptr<Handler>>;
};

/// May block: runs in the processor, on the queue beside the worker. It captures nothing, gets the whole
/// request as its own, and never sees an Exchange.
template <class H>
concept Simple = core::Captureless<H> && requires(H& h, Request r, proc::Queue& q) {
    { h(std::move(r), q) } -> std::same_as<Response>;
};

namespace detail {
/// A simple handler on its way to a queue.
template <class H>
struct SimpleHandler {
    H call;
    static constexpr bool sendable = true;  // it is captureless
};
}  // namespace detail

/// What one route does, and its limits.
struct RouteEntry {
    using PlainCall = std::move_only_function<void(Exchange&) const>;
    using CoroutineCall = std::move_only_function<Task<>(Exchange&) const>;
    using FactoryCall = std::move_only_function<std::unique_ptr<Handler>(Exchange&) const>;
    /// Sends the request to the processor, whose answer comes back by itself.
    struct SimpleCall {
        std::move_only_function<Posted(Exchange&, proc::Processor&) const> post;
    };
    std::variant<PlainCall, CoroutineCall, FactoryCall, SimpleCall> call;
    bool streams = false;  ///< the body comes in pieces
    bool encrypted_only = false;
    std::uint64_t body_bytes_max = 0;
};

/// Settings of a route that was just added.
class Route {
public:
    explicit Route(RouteEntry* entry) : entry_(entry) {}
    Route& body_bytes_max(std::uint64_t bytes) {
        if (entry_ != nullptr) entry_->body_bytes_max = bytes;
        return *this;
    }
    /// Only as an encrypted request; in clear it is 404.
    Route& encrypted_only() {
        if (entry_ != nullptr) entry_->encrypted_only = true;
        return *this;
    }

private:
    RouteEntry* entry_;
};

/// The routes of one worker: what handlers capture belongs to that worker. Built once, immutable while it
/// serves; lives until its last exchange. Patterns: see RouteTree. Bad ones are kept as `problem()`, which
/// start reports.
class Router : core::Affine {
public:
    static constexpr std::uint64_t body_bytes_max = 1024 * 1024;  ///< default, of a body that is collected
    static constexpr std::uint64_t stream_bytes_max = 1024 * 1024 * 1024;  ///< default, of a streamed one

    template <class H>
        requires Plain<H> || Coroutine<H>
    Route get(std::string_view pattern, H handler) {
        return on(Method::get, pattern, std::move(handler));
    }
    template <class H>
        requires Plain<H> || Coroutine<H>
    Route post(std::string_view pattern, H handler) {
        return on(Method::post, pattern, std::move(handler));
    }
    template <class H>
        requires Plain<H> || Coroutine<H>
    Route on(Method method, std::string_view pattern, H handler) {
        return add(method, pattern, entry_of(std::move(handler), false));
    }
    /// In the Processor that was lent to the worker. Later requests of the connection wait for the answer; a
    /// full queue is 503, a throw 500. When the client leaves first, the answer is dropped.
    template <class H>
        requires Simple<H>
    Route simple(Method method, std::string_view pattern, H handler) {
        return add(method, pattern, simple_entry_of(handler));
    }
    /// The body, and the response, in pieces.
    template <class H>
        requires Coroutine<H> || Factory<H>
    Route stream(Method method, std::string_view pattern, H handler) {
        return add(method, pattern, entry_of(std::move(handler), true));
    }
    /// Whatever no pattern matches, for these methods.
    template <class H>
        requires Plain<H> || Coroutine<H>
    Route otherwise(MethodSet methods, H handler) {
        otherwise_methods_ = methods;
        otherwise_ = std::make_unique<RouteEntry>(entry_of(std::move(handler), false));
        return Route(otherwise_.get());
    }

    /// The first pattern that was refused.
    const std::string& problem() const { return problem_; }

private:
    friend class Exchange;
    template <class H>
    static RouteEntry entry_of(H handler, bool streams) {
        RouteEntry out;
        if constexpr (Plain<H>)
            out.call = RouteEntry::PlainCall(std::move(handler));
        else if constexpr (Coroutine<H>)
            out.call = RouteEntry::CoroutineCall(std::move(handler));
        else
            out.call = RouteEntry::FactoryCall(std::move(handler));
        out.streams = streams;
        out.body_bytes_max = streams ? stream_bytes_max : body_bytes_max;
        return out;
    }
    template <class H>
    static RouteEntry simple_entry_of(H handler) {
        RouteEntry out;
        out.body_bytes_max = body_bytes_max;
        out.call = RouteEntry::SimpleCall{[handler](Exchange& exchange, proc::Processor& processor) {
            auto job = [](proc::Queue& queue, detail::SimpleHandler<H> simple, Request request) {
                return simple.call(std::move(request), queue);
            };
            auto answer = [](Exchange& waiting, Result<Response> response) {
                if (!response) return waiting.fail(simple_status(response.error()), response.error());
                waiting.send(std::move(*response));
            };
            return processor.run_then(exchange.remote(), answer, job, detail::SimpleHandler<H>{handler},
                                      exchange.request());
        }};
        return out;
    }
    static int simple_status(const Error& error) { return proc::is(error, proc::Code::thrown) ? 500 : 503; }
    Route add(Method method, std::string_view pattern, RouteEntry entry);
    const RouteEntry* find(Exchange& exchange) const;

    RouteTree tree_;
    std::vector<std::unique_ptr<RouteEntry>> routes_;
    std::unique_ptr<RouteEntry> otherwise_;
    MethodSet otherwise_methods_;
    std::string problem_;
};

}  // namespace penstock::http
