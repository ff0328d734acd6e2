// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::test {

/// A blocking TCP client of 127.0.0.1, for tests against real sockets. Gives up after 20 s.
class LoopbackClient {
public:
    explicit LoopbackClient(std::uint16_t port) : number_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval patience{20, 0};
        ::setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(number_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
            throw std::runtime_error("cannot connect");
    }
    ~LoopbackClient() { ::close(number_); }
    LoopbackClient(const LoopbackClient&) = delete;
    LoopbackClient& operator=(const LoopbackClient&) = delete;

    bool send(std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(number_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    void finish() { ::shutdown(number_, SHUT_WR); }
    /// Some bytes; empty: the end, a reset or no patience left.
    std::string receive(std::size_t most = 65'536) {
        std::string out(most, '\0');
        const auto got = ::recv(number_, out.data(), out.size(), 0);
        out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return out;
    }
    std::string receive_all() {
        std::string out;
        for (auto piece = receive(); !piece.empty(); piece = receive()) out += piece;
        return out;
    }
    /// Until `count` bytes are there, or the end.
    std::string receive_bytes(std::size_t count) {
        std::string out;
        while (out.size() < count) {
            const auto piece = receive(count - out.size());
            if (piece.empty()) break;
            out += piece;
        }
        return out;
    }
    int number() const { return number_; }

private:
    int number_;
};

}  // namespace penstock::test
