// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/worker.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::test {

/// Waits for what another thread does; false: it did not come within 20 s.
template <class F>
bool comes(F condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::yield();
    }
    return true;
}

/// While it lives, this process can open no descriptor.
class NoMoreDescriptors {
public:
    NoMoreDescriptors() {
        const int next = ::dup(0);
        ::close(next);
        if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("no limit");
        rlimit tight = before_;
        tight.rlim_cur = static_cast<rlim_t>(next);
        if (next < 0 || ::setrlimit(RLIMIT_NOFILE, &tight) != 0) throw std::runtime_error("no limit");
    }
    ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoMoreDescriptors(const NoMoreDescriptors&) = delete;
    NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

private:
    rlimit before_{};
};

/// Something of the test's that crosses to a worker by its address.
template <class T>
struct Lent {
    T* at;
    T* operator->() const { return at; }
    T& operator*() const { return *at; }
    static constexpr bool sendable = true;
};
template <class T>
Lent<T> lent(T& object) {
    return {&object};
}

/// For a set-up: listens on 127.0.0.1 and tells the port.
inline Result<void> listen_on_loopback(Worker& worker, std::atomic<std::uint16_t>& port,
                                       events::MakeHandler make) {
    auto listener = worker.open_listener("127.0.0.1:0", std::move(make));
    if (!listener) return fail(listener);
    port = (*listener)->address().port();
    return {};
}

/// A listening socket of 127.0.0.1 that no worker knows. Accepts in the calling thread: also in a worker's,
/// which then sees nothing of it before its next turn.
class LoopbackServer {
public:
    LoopbackServer() : number_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval patience{20, 0};
        ::setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* name = reinterpret_cast<sockaddr*>(&at);
        if (::bind(number_, name, size) != 0 || ::listen(number_, 16) != 0 ||
            ::getsockname(number_, name, &size) != 0)
            throw std::runtime_error("cannot listen");
        port_ = ntohs(at.sin_port);
    }
    ~LoopbackServer() {
        ::close(accepted_);
        ::close(number_);
    }
    LoopbackServer(const LoopbackServer&) = delete;
    LoopbackServer& operator=(const LoopbackServer&) = delete;

    Address address() const { return Address::v4({127, 0, 0, 1}, port_); }
    /// Accepts one connection and greets it.
    void greet(std::string_view text) {
        accepted_ = ::accept(number_, nullptr, nullptr);
        std::ignore = ::send(accepted_, text.data(), text.size(), MSG_NOSIGNAL);
    }
    /// Ends the one that was greeted.
    void leave() { ::close(std::exchange(accepted_, -1)); }

private:
    int number_, accepted_ = -1;
    std::uint16_t port_ = 0;
};

}  // namespace penstock::test
