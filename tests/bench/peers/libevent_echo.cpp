// SPDX-License-Identifier: Apache-2.0
// libevent's echo: a bufferevent, whose input is moved to its output without a copy.
#include <bench/peers/port.hpp>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace {

void on_read(bufferevent* connection, void*) {
    bufferevent_read_buffer(connection, bufferevent_get_output(connection));
}

void on_event(bufferevent* connection, short what, void*) {
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) bufferevent_free(connection);
}

void on_accepted(evconnlistener* listener, evutil_socket_t socket, sockaddr*, int, void*) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto* connection =
        bufferevent_socket_new(evconnlistener_get_base(listener), socket, BEV_OPT_CLOSE_ON_FREE);
    if (connection == nullptr) penstock::bench::give_up("bufferevent_socket_new");
    bufferevent_setcb(connection, on_read, nullptr, on_event, nullptr);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

}  // namespace

int main(int argc, char** argv) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(penstock::bench::port_argument(argc, argv));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* base = event_base_new();
    if (base == nullptr) penstock::bench::give_up("event_base_new");
    if (evconnlistener_new_bind(base, on_accepted, nullptr, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024,
                                reinterpret_cast<const sockaddr*>(&name), sizeof name) == nullptr)
        penstock::bench::give_up("evconnlistener_new_bind");
    return event_base_dispatch(base) < 0 ? 1 : 0;
}
