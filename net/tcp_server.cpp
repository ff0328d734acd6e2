// SPDX-License-Identifier: Apache-2.0
#include <penstock/net/socket_carrier.hpp>
#include <penstock/net/tcp_server.hpp>

#include <utility>

namespace penstock::net {

TcpServer::~TcpServer() { close(); }

Result<void> TcpServer::start() {
    auto listening = worker_.open_listener(
        address_, [fill = fill_](TcpSocket& socket) { return SocketCarrier::filled(socket, fill); });
    if (!listening) return fail(listening);
    listener_ = *listening;
    listener_->tie(listener_);
    address_ = listener_->address();
    return {};
}

void TcpServer::close() {
    if (listener_ == nullptr) return;
    listener_->untie();
    std::exchange(listener_, nullptr)->close();
}

}  // namespace penstock::net
