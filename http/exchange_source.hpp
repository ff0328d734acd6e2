// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/chain.hpp>
#include <penstock/core/result.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/net/peer.hpp>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <optional>

namespace penstock::http {

class Exchange;

/// What made an Exchange and frames its response: an HTTP/1 connection, an encrypted request. An Exchange
/// calls it, and it calls the Exchange's `arrive` functions.
class ExchangeSource {
public:
    /// The head (exchange.response()), and the length of the body when it is known (else it is streamed).
    virtual void begin_response(Exchange& exchange, std::optional<std::uint64_t> body_bytes) = 0;
    virtual void write_body(Exchange& exchange, Chain piece) = 0;
    virtual void end_response(Exchange& exchange) = 0;
    virtual bool is_writable() const = 0;
    /// Whether more of the body is wanted now.
    virtual void ready_to_read(Exchange& exchange, bool is) = 0;
    /// The response cannot be completed: the peer must notice.
    virtual void cut(Exchange& exchange, Error error) = 0;
    /// Something is due (a completed exchange, on_writable, a paused body): call exchange.settle() soon, not
    /// now.
    virtual void settle_soon(Exchange& exchange) = 0;
    /// The exchange is over; the source may use it again.
    virtual void exchange_done(Exchange& exchange) = 0;
    /// Hands the connection over, without what HTTP made of it. Refused by sources that have none of their
    /// own, and when bytes came behind the request. The exchange is over then.
    virtual Result<void> upgrade(Exchange&, const std::function<void(Detached<TcpSocket>)>&) {
        return fail(Error::os(ENOTSUP, "this request cannot be upgraded"));
    }
    virtual const net::Peer& peer() const = 0;
    virtual bool is_encrypted() const { return false; }

protected:
    ~ExchangeSource() = default;
};

}  // namespace penstock::http
