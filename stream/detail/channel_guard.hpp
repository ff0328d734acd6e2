// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/stream/channel.hpp>
#include <penstock/stream/session.hpp>

namespace penstock::stream {

/// Runs a callback of the handler. What it throws resets the channel.
template <class F>
void Channel::guarded(F f) {
    const Session::Inside inside(session_);
    try {
        f();
    } catch (...) {
        worker().caught("channel handler");
        abort(crypto::error(crypto::Code::internal, "a handler threw"));
    }
}

}  // namespace penstock::stream
