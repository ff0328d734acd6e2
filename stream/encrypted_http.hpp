// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/counter.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/http/router.hpp>
#include <penstock/stream/key_table.hpp>
#include <penstock/stream/rate_limit.hpp>
#include <penstock/stream/service_settings.hpp>
#include <penstock/stream/stream_ctl.hpp>

#include <memory>

namespace penstock::stream {

class InnerExchange;

/// The encrypted side of a node's HTTP on one worker (docs/protocol.md, 1): handshakes at /enc_init,
/// encrypted requests at /enc. What is inside is an ordinary exchange of the inner router, so a handler
/// cannot tell; its peer has a node id when the client showed a certificate that counts.
///
/// Owner: the worker (make_local; found there by requests that arrive elsewhere). Lent to the worker
/// beforehand: `const NodeKeys`. Thread: its worker's.
class EncryptedHttp : core::Affine {
public:
    /// `workers`: of the reactor; the id of a key names its owner among them.
    EncryptedHttp(Worker& worker, unsigned workers, std::shared_ptr<http::Router> inner,
                  ServiceSettings settings = {});

    /// Adds the routes of both paths; this outlives the router.
    void add_to(http::Router& router);

    KeyTable& keys() { return keys_; }
    const ServiceSettings& settings() const { return settings_; }

    struct Counters {
        core::Counter handshakes, handshakes_refused, requests, requests_refused;
    };
    const Counters& counters() const { return counters_; }

private:
    void shake_hands(http::Exchange& exchange);
    Task<> serve(http::Exchange& exchange);
    static Result<OpenedRequest> open_here(Worker& worker, Buffer message, Behind behind);
    void tell(http::Exchange& exchange, Error error);
    void refuse(http::Exchange& exchange, Error error);
    /// stream_ctl (docs/protocol.md, 2): whole in record 0.
    Task<> control(InnerExchange& inner, const OpenedRequest& opened, Bytes body);
    Task<std::string> open_session(const OpenRequest& wanted, const OpenedRequest& opened);
    Task<> attach(http::Exchange& exchange);
    template <class F, class... A>
    Task<std::invoke_result_t<F&, Worker&, A...>> at_worker(unsigned index, F f, A... args);

    Worker& worker_;
    const ServiceSettings settings_;
    std::shared_ptr<http::Router> inner_;
    KeyTable keys_;
    RateLimit handshakes_;
    Counters counters_;
};

}  // namespace penstock::stream
