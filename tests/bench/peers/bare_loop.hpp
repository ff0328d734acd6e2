// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include <bench/peers/port.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// The floor: what accept, epoll, recv and send cost when nothing else is done. One thread, edge-triggered,
// one recv for each event; no state for a connection, so it holds only for a load that sends whole requests,
// each within one segment, and reads every reply.

namespace penstock::bench {

inline constexpr std::size_t bare_room_bytes = 64 * 1024;

inline int bare_listen(std::uint16_t port) {
    const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out < 0) give_up("socket");
    const int on = 1;
    ::setsockopt(out, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(out, reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0) give_up("bind");
    if (::listen(out, 1024) < 0) give_up("listen");
    return out;
}

inline void bare_watch(int epoll, int descriptor) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = descriptor}};
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) give_up("epoll_ctl");
}

/// `answer(descriptor, received)` replies, and says false to close the connection. Does not return.
template <class Answer>
[[noreturn]] void bare_loop(std::uint16_t port, Answer answer) {
    const int listener = bare_listen(port);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) give_up("epoll_create1");
    bare_watch(epoll, listener);
    static std::array<char, bare_room_bytes> room;
    std::array<epoll_event, 256> events;
    for (;;) {
        const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        if (ready < 0 && errno != EINTR) give_up("epoll_wait");
        for (int i = 0; i < ready; ++i) {
            const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
            if (descriptor == listener) {
                for (int fresh;
                     (fresh = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
                    bare_watch(epoll, fresh);
                continue;
            }
            const auto count = ::recv(descriptor, room.data(), room.size(), 0);
            if (count < 0 && errno == EAGAIN) continue;
            if (count <= 0 ||
                !answer(descriptor, std::string_view(room.data(), static_cast<std::size_t>(count))))
                ::close(descriptor);
        }
    }
}

}  // namespace penstock::bench
