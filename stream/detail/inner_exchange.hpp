// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/deferred.hpp>
#include <penstock/http/exchange.hpp>
#include <penstock/http/router.hpp>
#include <penstock/stream/key_table.hpp>

#include <memory>
#include <optional>
#include <string>

namespace penstock::stream {

/// The exchange inside an encrypted request: it gets the opened bytes, and what it answers is sealed into the
/// outer exchange. Lives in the frame that serves the outer one; its end closes the inner one.
class InnerExchange final : http::ExchangeSource, events::Deferred {
public:
    InnerExchange(http::Exchange& outer, const OpenedRequest& opened);
    ~InnerExchange() override;

    /// From the plaintext of record 0: its head, and a body that may not be longer, or shorter when that was
    /// the final one. Error: protocol, and nobody has heard of the request.
    Result<void> begin(http::Router& router, bool is_streaming, bool is_final);
    /// A piece of the body.
    Result<void> body(Bytes piece, bool is_final);
    bool wants_body() const { return exchange_->takes_body() && !exchange_->is_finished(); }
    bool is_done() const { return is_done_; }
    /// What followed the head in record 0.
    Bytes body_of_first() const { return plain_; }
    /// Until the exchange is done, or takes more body.
    Awaitable<bool> progress();
    /// Instead of an exchange: a sealed 403 with this code.
    void refuse(crypto::Code code);
    /// Likewise: this whole inner response.
    void reply(Bytes inner);

private:
    void begin_response(http::Exchange& exchange, std::optional<std::uint64_t> body_bytes) override;
    void write_body(http::Exchange& exchange, Chain piece) override;
    void end_response(http::Exchange& exchange) override;
    bool is_writable() const override;
    void ready_to_read(http::Exchange& exchange, bool is) override;
    void cut(http::Exchange& exchange, Error error) override;
    void settle_soon(http::Exchange& exchange) override;
    void exchange_done(http::Exchange& exchange) override;
    const net::Peer& peer() const override { return peer_; }
    bool is_encrypted() const override { return true; }
    void on_deferred() override;

    void begin_inner(int status, const http::ResponseHead& head, std::optional<std::uint64_t> body_bytes);
    void seal(std::size_t least);
    void seal_record(std::size_t bytes, bool is_final);

    http::Exchange& outer_;
    Worker& worker_;
    net::Peer peer_;
    MessageSealer sealer_;
    Salt response_salt_;
    std::uint64_t n_;
    Bytes plain_;
    std::unique_ptr<http::Exchange> exchange_;
    std::optional<std::uint64_t> body_left_;
    std::string collected_;
    Chain out_;     // plaintext that is not sealed yet
    Chain sealed_;  // records that were not handed to the outer exchange yet
    events::Answer<bool> progress_;
    bool is_streaming_response_ = false;
    bool has_prefix_ = false;
    bool collects_ = false;
    bool body_ended_ = false;
    bool is_done_ = false;
    bool is_outer_started_ = false;
};

}  // namespace penstock::stream
