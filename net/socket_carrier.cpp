// SPDX-License-Identifier: Apache-2.0
#include <penstock/net/socket_carrier.hpp>

#include <cerrno>

namespace penstock::net {

void SocketCarrier::write(Chain chain) {
    switch (socket_.write(std::move(chain))) {
        case Sent::more:
        case Sent::wait:
        case Sent::closed: return;  // a closed one tells by on_closed
        case Sent::full:
        case Sent::too_big: break;
    }
    // Whoever goes on writing after is_writable said no is cut here: what is lost in the middle is not sent
    // at all.
    socket_.abort(Error::os(ENOBUFS, "more is queued than the hard limit"));
}

}  // namespace penstock::net
