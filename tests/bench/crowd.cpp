// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <utility>

#include <bench/client.hpp>
#include <bench/crowd.hpp>
#include <bench/host.hpp>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::bench {

Crowd::Crowd(Crowd&& other) noexcept : connections_(std::exchange(other.connections_, {})) {}

Crowd::~Crowd() {
    for (const int connection : connections_) {
        const linger reset{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        ::close(connection);
    }
}

Result<Crowd> Crowd::gather(std::uint16_t port, const Traffic& traffic) {
    Crowd out;
    const auto wanted = static_cast<std::size_t>(traffic.connections);
    out.connections_.reserve(wanted);
    while (out.connections_.size() < wanted) {
        if (is_interrupted()) return fail(Error::user(1, "interrupted"));
        const auto source = 1 + out.connections_.size() / per_source_max;
        if (source > 254) return fail(Error::user(1, "too many connections for one crowd"));
        const auto fresh = open_connection(port, static_cast<std::uint8_t>(source));
        if (!fresh) return fail(fresh);
        out.connections_.push_back(*fresh);
        if (const auto reply = ask_once(*fresh, traffic); !reply) return fail(reply);
    }
    return out;
}

bool Crowd::is_whole() const {
    return std::all_of(connections_.begin(), connections_.end(), [](int connection) {
        char byte;
        return ::recv(connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    });
}

}  // namespace penstock::bench
