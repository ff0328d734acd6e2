// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/net/connector.hpp>
#include <penstock/net/socket_carrier.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace penstock::net {

namespace {

bool is_localhost(std::string_view host) {
    constexpr std::string_view localhost = "localhost";
    return std::ranges::equal(host, localhost,
                              [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

}  // namespace

Result<std::vector<Address>> addresses_of(std::string_view host, std::uint16_t port) {
    constexpr Error no_resolver =
        Error(core::Domain::dns, 4, "names are not resolved yet: write an address");  // 4: not implemented
    constexpr std::size_t literal_bytes_max = 64;
    if (is_localhost(host))
        return std::vector{Address("127.0.0.1:0").with_port(port), Address("[::1]:0").with_port(port)};
    if (host.size() > literal_bytes_max) return fail(no_resolver);
    const auto literal = Address::parse(std::string(host) + ":" + std::to_string(port));
    if (!literal) return fail(no_resolver);
    return std::vector{*literal};
}

/// One address that is tried: the handler of its socket until it has connected.
struct Connector::Attempt final : events::SocketHandler {
    explicit Attempt(Connector& c) : connector(&c) {}
    ~Attempt() override { unlink(); }
    void on_connected(TcpSocket& connected) override {
        if (connector != nullptr) connector->connected(*this, connected);
    }
    void on_read(TcpSocket&, Slice) override {}
    void on_closed(TcpSocket&, Error error) override {
        if (connector != nullptr) connector->failed(*this, error);
    }
    void unlink() {
        if (connector != nullptr) std::erase(std::exchange(connector, nullptr)->attempts_, this);
    }

    Connector* connector;
    TcpSocket* socket = nullptr;
};

Connector::Connector(Worker& worker, ConnectTimes times)
    : worker_(worker),
      times_(times),
      stagger_(worker, [this] { try_next(); }),
      deadline_(worker, [this] { finish(fail(Error::os(ETIMEDOUT, "connect"))); }) {}

Connector::~Connector() {
    cut();
    if (winner_ != nullptr) winner_->connector = nullptr;
    answer_.give(fail(Error::os(ECANCELED, "connect")));  // whoever still awaits it
}

void Connector::connect(std::vector<Address> addresses, Fill fill, Then then) {
    begin(std::move(addresses), std::move(fill));
    then_ = std::move(then);
}

Awaitable<Result<void>> Connector::connect(std::vector<Address> addresses, Fill fill) {
    return Awaitable<Result<void>>(answer_, [&] { begin(std::move(addresses), std::move(fill)); });
}

void Connector::begin(std::vector<Address> addresses, Fill fill) {
    PENSTOCK_ASSERT(!is_connecting_);
    is_connecting_ = true;
    addresses_ = std::move(addresses);
    next_ = 0;
    fill_ = std::move(fill);
    first_error_ = {};
    deadline_.arm(times_.time_max);
    defer(worker_);
}

void Connector::try_next() {
    if (next_ == addresses_.size()) {
        if (attempts_.empty()) finish(fail(first_error_ ? first_error_ : Error::os(EDESTADDRREQ, "connect")));
        return;
    }
    auto made = std::make_unique<Attempt>(*this);
    auto* attempt = made.get();
    attempts_.push_back(attempt);
    attempt->socket = &worker_.connect(addresses_[next_++], std::move(made));
    if (next_ < addresses_.size()) stagger_.arm(times_.next_after);
}

void Connector::failed(Attempt& attempt, Error error) {
    attempt.unlink();
    if (!first_error_) first_error_ = error ? error : Error::os(ECONNABORTED, "connect");
    try_next();
}

void Connector::connected(Attempt& attempt, TcpSocket& socket) {
    auto fill_line = std::move(fill_);
    std::erase(attempts_, &attempt);
    winner_ = &attempt;
    cut();
    auto made = std::make_unique<SocketCarrier>(socket);
    auto& line = made->line();
    socket.handler(std::move(made));  // the attempt lives until the end of the turn
    Result<void> result;
    try {
        fill_line(line);
    } catch (...) {
        socket.worker().caught("connector");
        result = core::fail(Error::os(EFAULT, "what fills the pipeline threw"));
        line.abort(result.error());
    }
    if (attempt.connector == nullptr) return;  // this died in `fill`
    winner_ = nullptr;
    attempt.connector = nullptr;
    finish(result);
}

/// Ends all attempts that are under way.
void Connector::cut() {
    Deferred::cancel();
    stagger_.cancel();
    deadline_.cancel();
    while (!attempts_.empty()) {
        auto& attempt = *attempts_.back();
        attempt.unlink();
        attempt.socket->abort();
    }
}

/// The last thing that is done: this may die in the callback.
void Connector::finish(Result<void> result) {
    cut();
    is_connecting_ = false;
    fill_ = {};
    auto then = std::exchange(then_, {});
    answer_.give(result);
    if (then) then(result);
}

}  // namespace penstock::net
