// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>

#include <bench/client.hpp>
#include <bench/response.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace penstock::bench {
namespace {

constexpr auto bad(const char* text) { return fail(Error::user(1, text)); }

sockaddr_in loopback(std::uint16_t port, std::uint8_t last) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xFFu) | last);
    return out;
}

/// As response_bytes, for either protocol.
Result<std::size_t> reply_length(const Traffic& traffic, std::string_view received) {
    if (traffic.protocol == Protocol::http) return response_bytes(received, traffic.body);
    if (received.size() > traffic.body.size()) return bad("bytes follow the reply");
    if (received != std::string_view(traffic.body).substr(0, received.size()))
        return bad("the reply has another body than the case wants");
    return received.size() == traffic.body.size() ? received.size() : 0;
}

}  // namespace

Result<int> open_connection(std::uint16_t port, std::uint8_t from) {
    const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (out < 0) return fail(Error::os(errno, "socket"));
    const int on = 1;
    ::setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // The port is chosen by connect, which knows the peer, so one source reaches each server by all ports.
    ::setsockopt(out, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const auto source = loopback(0, from), to = loopback(port, 1);
    if (::bind(out, reinterpret_cast<const sockaddr*>(&source), sizeof source) < 0 ||
        ::connect(out, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
        const int error = errno;
        ::close(out);
        return fail(Error::os(error, "connect"));
    }
    return out;
}

Result<void> send_all(int descriptor, std::string_view bytes, int flags) {
    const auto sent = ::send(descriptor, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
    if (sent < 0) return fail(Error::os(errno, "send"));
    if (static_cast<std::size_t>(sent) != bytes.size()) return bad("a request did not fit its socket");
    return {};
}

Result<std::string> ask_once(int descriptor, const Traffic& traffic) {
    const timeval patience{.tv_sec = silence_max.count(), .tv_usec = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (const auto sent = send_all(descriptor, traffic.request, 0); !sent) return fail(sent);
    std::string received;
    for (;;) {
        std::array<char, 16 * 1024> room;
        const auto count = ::recv(descriptor, room.data(), room.size(), 0);
        if (count < 0) return fail(Error::os(errno, "the first reply"));
        if (count == 0) return bad("the server closed before its first reply was whole");
        received.append(room.data(), static_cast<std::size_t>(count));
        const auto whole = reply_length(traffic, received);
        if (!whole) return fail(whole);
        if (*whole > 0) return received;
    }
}

}  // namespace penstock::bench
