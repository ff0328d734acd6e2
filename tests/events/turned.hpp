// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/backends.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/worker.hpp>

#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::test {

inline constexpr std::array<std::string_view, 3> system_backends{"epoll", "poll", "io_uring"};

/// A text that tells its places apart; another one for each salt.
inline std::string pattern(std::size_t bytes, unsigned salt = 0) {
    constexpr std::size_t round = 93 * 93;
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i)
        out[i] = i < round ? static_cast<char>('!' + (i * 7 + i / 93 + salt) % 93) : out[i - round];
    return out;
}

/// A worker of the system's sockets, turned by the test in its own thread: all that is done to it is in
/// order.
class TurnedWorker {
public:
    explicit TurnedWorker(std::string_view backend) {
        auto made = events::make_backend(backend);
        if (!made) throw std::runtime_error("no backend");
        is_missing_ = static_cast<bool>(made->missing);
        worker_ = std::make_unique<Worker>(events::Worker::Parts{
            .backend = std::move(made->backend),
            .clock = &clock_,
            .random = &random_,
            .log = &logger_.open("turned", clock_),
            .gauges = &gauges_,
        });
    }
    Worker& operator*() const { return *worker_; }
    Worker* operator->() const { return worker_.get(); }
    /// The machine has none of it; another one took its place.
    bool is_missing() const { return is_missing_; }

    void turn(std::chrono::nanoseconds at_most = {}) { worker_->turn(at_most); }
    /// False: 20 s were not enough.
    template <class F>
    bool until(F condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            turn(std::chrono::milliseconds(1));
        }
        return true;
    }
    void rest(int turns = 10) {
        for (int i = 0; i < turns; ++i) turn(std::chrono::milliseconds(1));
    }
    template <class F>
    decltype(auto) at(F f) {
        const core::Home::Entered entered(worker_.get());
        return f();
    }
    void end() { worker_.reset(); }

private:
    static core::LogSettings errors() {
        core::LogSettings out;
        out.level = core::LogLevel::error;
        return out;
    }
    core::SystemClock clock_;
    core::KernelRandom random_;
    core::Logger logger_{errors()};
    events::WorkerGauges gauges_;
    std::unique_ptr<Worker> worker_;
    bool is_missing_ = false;
};

/// A port of 127.0.0.1 that is held for who listens with SO_REUSEPORT.
class HeldPort {
public:
    HeldPort() : number_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        ::setsockopt(number_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* name = reinterpret_cast<sockaddr*>(&at);
        if (::bind(number_, name, size) != 0 || ::getsockname(number_, name, &size) != 0)
            throw std::runtime_error("cannot hold a port");
        port_ = ntohs(at.sin_port);
    }
    ~HeldPort() { ::close(number_); }
    HeldPort(const HeldPort&) = delete;
    HeldPort& operator=(const HeldPort&) = delete;
    std::uint16_t port() const { return port_; }
    Address address() const { return Address::v4({127, 0, 0, 1}, port_); }

private:
    int number_;
    std::uint16_t port_ = 0;
};

/// Two workers with a network between them, in the test's thread: the system's, or a simulated one.
class Site {
public:
    virtual ~Site() = default;
    virtual Worker& server() = 0;
    virtual Worker& client() = 0;
    /// Where the server may listen; another one for each call.
    virtual Address address() = 0;
    virtual bool until(const std::function<bool()>& condition) = 0;
    /// Some time in which nothing should happen.
    virtual void rest() = 0;
    virtual bool is_simulated() const { return false; }
    /// More than the network holds of one direction.
    std::size_t too_much() const { return is_simulated() ? 400'000 : 12'000'000; }
    /// Only the client's turns.
    virtual bool client_until(const std::function<bool()>& condition) { return until(condition); }

    template <class F>
    decltype(auto) at_server(F f) {
        const core::Home::Entered entered(&server());
        return f();
    }
    template <class F>
    decltype(auto) at_client(F f) {
        const core::Home::Entered entered(&client());
        return f();
    }
};

class SystemSite final : public Site {
public:
    explicit SystemSite(std::string_view backend) : server_(backend) {}
    Worker& server() override { return *server_; }
    Worker& client() override { return *client_; }
    Address address() override {
        ports_.push_back(std::make_unique<HeldPort>());
        return ports_.back()->address();
    }
    bool until(const std::function<bool()>& condition) override {
        return client_.until([&] {
            server_.turn(std::chrono::microseconds(100));
            return condition();
        });
    }
    void rest() override {
        for (int i = 0; i < 10; ++i) {
            server_.turn(std::chrono::milliseconds(1));
            client_.turn(std::chrono::milliseconds(1));
        }
    }
    bool client_until(const std::function<bool()>& condition) override { return client_.until(condition); }
    bool is_missing() const { return server_.is_missing(); }

private:
    std::vector<std::unique_ptr<HeldPort>> ports_;
    TurnedWorker server_, client_{"epoll"};
};

class SimulatedSite final : public Site {
public:
    SimulatedSite(std::uint64_t seed, events::Faults faults) : simulation_(seed, faults) {}
    Worker& server() override { return server_; }
    Worker& client() override { return client_; }
    Address address() override { return Address::v4({10, 0, 0, 1}, ++port_); }
    bool until(const std::function<bool()>& condition) override {
        constexpr int milliseconds_max = 20'000;
        for (int i = 0; i < milliseconds_max && !condition(); ++i)
            simulation_.run_for(std::chrono::milliseconds(1));
        return condition();
    }
    void rest() override { simulation_.run_for(std::chrono::milliseconds(20)); }
    bool is_simulated() const override { return true; }
    core::Random& random() { return simulation_.random(); }

private:
    events::Simulation simulation_;
    Worker& server_ = simulation_.add_host();
    Worker& client_ = simulation_.add_host();
    std::uint16_t port_ = 0;
};

class Peer;

/// What the other side of a connection saw, and how it behaves. It may die before its Peer, which then sees
/// nothing more.
struct Seen {
    Seen() = default;
    Seen(const Seen&) = delete;
    Seen& operator=(const Seen&) = delete;
    ~Seen();

    std::string got;
    bool is_connected = false, has_ended = false, is_over = false;
    bool closes_at_end = true;
    Error error;
    events::TcpSocket* socket = nullptr;  // while it lives
    Peer* peer = nullptr;
};

class Peer final : public events::SocketHandler {
public:
    explicit Peer(Seen& seen) : seen_(&seen) { seen.peer = this; }
    ~Peer() override {
        if (seen_ != nullptr) seen_->peer = nullptr;
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    void forget() { seen_ = nullptr; }

    void on_connected(events::TcpSocket& socket) override {
        if (seen_ == nullptr) return;
        seen_->socket = &socket;
        seen_->is_connected = true;
    }
    void on_read(events::TcpSocket&, Slice piece) override {
        if (seen_ != nullptr) seen_->got += piece.text();
    }
    void on_end(events::TcpSocket& socket) override {
        if (seen_ != nullptr) seen_->has_ended = true;
        if (seen_ == nullptr || seen_->closes_at_end) socket.close();
    }
    void on_closed(events::TcpSocket&, Error error) override {
        if (seen_ == nullptr) return;
        seen_->socket = nullptr;
        seen_->is_over = true;
        seen_->error = error;
    }

private:
    Seen* seen_;
};

inline Seen::~Seen() {
    if (peer != nullptr) peer->forget();
}

}  // namespace penstock::test
