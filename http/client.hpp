// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/task.hpp>
#include <penstock/http/client_connection.hpp>
#include <penstock/http/message.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace penstock::http {

struct ClientSettings {
    ReplyLimits reply{};
    std::chrono::milliseconds exchange_time_max{30'000};  ///< from the call to the last byte
    std::chrono::milliseconds connect_time_max{5'000};
    std::chrono::milliseconds idle_time_max{20'000};  ///< below what servers allow
    unsigned connections_per_host_max = 16;
    unsigned waiting_per_host_max = 1024;  ///< requests that wait for one of them; more are refused
};

/// What one call has of its own.
struct CallOptions {
    std::chrono::milliseconds time_max{0};  ///< instead of exchange_time_max; 0: that
};

class Client;

namespace detail {
struct Exchanging;
}

/// A request that is under way, as its caller holds it: its end cancels the request, and the connection that
/// carries it is cut. The end of the Client comes first or last, as you like. Thread: the client's.
class [[nodiscard]] Call {
public:
    Call() = default;
    Call(Call&& other) noexcept;
    Call& operator=(Call&& other) noexcept;
    ~Call() { cancel(); }

    bool is_running() const { return running_ != nullptr; }
    /// Its callback does not come any more.
    void cancel();
    /// It goes on without a holder, until it has its answer.
    void release();

private:
    friend class Client;
    friend struct detail::Exchanging;
    explicit Call(detail::Exchanging& running);
    detail::Exchanging* running_ = nullptr;
};

/// `co_await` it, once, or let it go: that cancels the request. Lives in the awaiting frame.
class [[nodiscard]] Reply final : public Awaitable<Result<Response>> {
    friend class Client;
    Reply(events::Answer<Result<Response>>& answer, Call call) : Awaitable(answer), call_(std::move(call)) {}
    Call call_;
};

/// Sends requests to absolute http:// URLs, on connections that are kept for the next ones; responses come
/// whole. One for each worker: `worker.local<http::Client>()`.
///
/// A request is sent a second time in one case only: on a kept connection that ended before a byte of the
/// response came, when its method is idempotent (RFC 9110, 9.2.2; RFC 9112, 9.3.1). In all others an error
/// may mean that it was executed. Redirects are answers like others; no cookies, no proxies, no names but
/// localhost yet (see net::addresses_of).
///
/// Errors: of the system (refused, reset, timed out in connect); of Domain::http: 400 the URL or the method,
/// 503 too many wait, 504 the deadline, and those of ClientConnection; ECANCELED when the client ends.
///
/// Owner: its worker or you. Thread: its worker's. No callback comes inside a call; it may die in one.
class Client : core::Affine {
public:
    using Then = ClientConnection::Then;
    using Upgraded = ClientConnection::Upgraded;

    explicit Client(Worker& worker, ClientSettings settings = {});
    /// Whoever awaits gets an error; callbacks don't come any more.
    ~Client();

    Reply get(std::string_view url) { return send(Request::get(url)); }
    Reply post(std::string_view url, Bytes body, std::string_view type = "application/json");
    /// The target is the URL. Fields that frame the message are the client's.
    Reply send(Request request, CallOptions options = {});

    Call get(std::string_view url, Then then) { return send(Request::get(url), std::move(then)); }
    Call post(std::string_view url, Bytes body, std::string_view type, Then then);
    Call send(Request request, Then then, CallOptions options = {});
    /// On a connection of its own; see ClientConnection::Upgraded. The deadline ends with the answer.
    Call upgrade(Request request, Upgraded then, CallOptions options = {});

    /// Connections that wait for a request, and all, those that are being made too.
    std::size_t idle() const;
    std::size_t connections() const;

private:
    friend class Call;
    friend struct detail::Exchanging;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::http
