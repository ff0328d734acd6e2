// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/http/response_head.hpp>

namespace penstock::http {

class Exchange;

/// A streaming handler: headers and bodies in both directions, piece by piece. One per exchange, which owns
/// it; it dies at the end of the turn of on_closed. Thread: the exchange's worker's. One that throws cuts its
/// exchange (500, when nothing was answered yet).
class Handler {
public:
    virtual ~Handler() = default;
    /// The head has arrived.
    virtual void on_request(Exchange&) {}
    /// A piece of the body; consumed when it returns. Between exchange.ready_to_read(false) and (true) none
    /// comes.
    virtual void on_body(Exchange&, Slice) {}
    /// The body is whole. The default begins the response.
    virtual void on_end(Exchange& exchange);
    /// The response begins: the last chance to set fields.
    virtual void on_response(Exchange&, ResponseHead&) {}
    /// After start: there is room to write. The default finishes. Comes until finish; ready_to_write(false)
    /// pauses it.
    virtual void on_writable(Exchange& exchange);
    /// Last, once. A default-made Error: the response is complete.
    virtual void on_closed(Exchange&, Error) {}
};

}  // namespace penstock::http
