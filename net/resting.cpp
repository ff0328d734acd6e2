// SPDX-License-Identifier: Apache-2.0
#include <penstock/net/resting.hpp>
#include <penstock/net/socket_carrier.hpp>

#include <utility>

namespace penstock::net {

void Resting::on_read(TcpSocket& socket, Slice slice) {
    socket.handler(SocketCarrier::filled(socket, fill_));  // this lives until the end of the turn
    if (!socket.is_closing()) socket.handler()->on_read(socket, std::move(slice));
}

void RestLink::unlink() {
    if (count_ != nullptr) --*std::exchange(count_, nullptr);
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
}

RestList::~RestList() {
    while (ends_.is_linked()) ends_.next_->unlink();
}

RestLink* RestList::add(RestLink& link) {
    link.unlink();
    link.previous_ = ends_.previous_;
    link.next_ = &ends_;
    link.previous_->next_ = ends_.previous_ = &link;
    link.count_ = &count_;
    if (++count_ <= kept_max) return nullptr;
    auto* const first = ends_.next_;
    first->unlink();
    return first;
}

}  // namespace penstock::net
