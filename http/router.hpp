// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/task.hpp>
#include <penstock/http/exchange.hpp>

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

/// What one route does, and its limits.
struct RouteEntry {
    using PlainCall = std::move_only_function<void(Exchange&) const>;
    using CoroutineCall = std::move_only_function<Task<>(Exchange&) const>;
    using FactoryCall = std::move_only_function<std::unique_ptr<Handler>(Exchange&) const>;
    std::variant<PlainCall, CoroutineCall, FactoryCall> call;
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
    Route add(Method method, std::string_view pattern, RouteEntry entry);
    const RouteEntry* find(Exchange& exchange) const;

    RouteTree tree_;
    std::vector<std::unique_ptr<RouteEntry>> routes_;
    std::unique_ptr<RouteEntry> otherwise_;
    MethodSet otherwise_methods_;
    std::string problem_;
};

}  // namespace penstock::http
