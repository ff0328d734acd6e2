// SPDX-License-Identifier: Apache-2.0
#include <penstock/net/socket_carrier.hpp>

#include <cerrno>

namespace penstock::net {

std::unique_ptr<SocketCarrier> SocketCarrier::filled(TcpSocket& socket, std::shared_ptr<Fill> fill) {
    auto out = std::make_unique<SocketCarrier>(socket);
    out->fill_ = std::move(fill);
    (*out->fill_)(out->line());
    return out;
}

void SocketCarrier::rest() {
    if (fill_ == nullptr) return;
    auto* const first = socket_.worker().local<RestList>().add(*this);
    if (first != nullptr) static_cast<SocketCarrier*>(first)->let_go();
}

void SocketCarrier::let_go() {
    if (line_.can_rest() && !socket_.is_closing() && socket_.handler() == this)
        socket_.handler(std::make_unique<Resting>(std::move(fill_)));
}

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
