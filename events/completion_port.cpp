// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/completion_port.hpp>
#include <penstock/events/deferred.hpp>
#include <penstock/events/listener.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

namespace penstock::events {
namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
constexpr WriteMarks any_number{.high_bytes = unlimited, .low_bytes = 0, .max_bytes = unlimited};

}  // namespace

/// One socket of a port: the handler of its TcpSocket.
class CompletionPort::Connection final : public SocketHandler, Deferred {
public:
    explicit Connection(CompletionPort& port) : port_(&port) {}
    ~Connection() override {
        if (port_ != nullptr) port_->unlink(*this);
    }

    void begin(TcpSocket& socket, Socket name, void* user) {
        socket_ = &socket;
        name_ = name;
        user_ = user;
        has_ended_ = socket.peer_has_finished();
        socket.marks(any_number);
        socket.ready_to_read(false);
        socket.ready_to_write(false);  // what it may have asked for where it was
    }
    /// The user is told when the socket has its descriptor: later in this turn.
    void accepted(void* listener_user) {
        user_ = listener_user;
        is_fresh_ = true;
        defer(port_->worker_);
    }
    void receive();
    Issued send(Bytes data, void* write_user, bool is_plain);
    void remove();
    void forget_port() {
        port_ = nullptr;
        cancel();
    }
    TcpSocket& socket() { return *socket_; }

    void on_read(TcpSocket&, Slice piece) override;
    void on_end(TcpSocket&) override;
    void on_sent(TcpSocket&) override { complete_writes(); }
    void on_drain(TcpSocket& socket) override;
    void on_closed(TcpSocket&, Error error) override;

private:
    friend class CompletionPort;
    struct Write {
        std::uint64_t end;  // of all bytes that the socket sends
        void* user;
        bool is_plain;
    };
    void on_deferred() override;
    void go_on();
    void deliver();
    void complete_writes();

    CompletionPort* port_;
    TcpSocket* socket_ = nullptr;
    Socket name_;
    void* user_ = nullptr;
    Slice arrived_;  // not delivered
    Slice read_;     // delivered: the user's until the next receive
    std::vector<Write> writes_;
    std::size_t written_ = 0;  // of writes_ that have completed
    std::uint64_t issued_bytes_ = 0;
    Connection* next_ = nullptr;
    Connection* previous_ = nullptr;
    bool is_fresh_ = false;      // accepted, and not told
    bool is_receiving_ = false;  // a receive is issued
    bool has_ended_ = false;     // the peer's direction
    bool has_plain_ = false;     // a plain send is in flight
    bool is_removed_ = false;
    bool is_draining_ = false;
};

void CompletionPort::Connection::receive() {
    if (is_receiving_ || is_removed_) return;
    is_receiving_ = true;
    read_ = {};
    if (has_ended_ || !arrived_.empty()) return defer(port_->worker_);
    socket_->read_credit(port_->read_bytes_);
    socket_->ready_to_read(true);
}

void CompletionPort::Connection::on_read(TcpSocket&, Slice piece) {
    socket_->ready_to_read(false);
    if (is_removed_) return;
    arrived_ = std::move(piece);
    deliver();
}

void CompletionPort::Connection::deliver() {
    is_receiving_ = false;
    read_ = arrived_.size() > port_->read_bytes_ ? arrived_.take(port_->read_bytes_) : std::move(arrived_);
    port_->handler_.on_receive(name_, read_, user_);
}

void CompletionPort::Connection::on_end(TcpSocket&) {
    has_ended_ = true;
    if (is_removed_ || !is_receiving_) return;
    is_receiving_ = false;
    port_->handler_.on_receive(name_, Bytes(), user_);
}

Issued CompletionPort::Connection::send(Bytes data, void* write_user, bool is_plain) {
    if (is_removed_ || socket_->is_closing()) return Issued::gone;
    if (is_plain && has_plain_) return Issued::busy;
    if (socket_->write(Slice::constant(data)) == Sent::closed) return Issued::gone;
    has_plain_ = has_plain_ || is_plain;
    issued_bytes_ += data.size();
    if (writes_.capacity() - writes_.size() < 2) writes_.reserve(writes_.size() * 2 + 8);
    writes_.push_back({.end = issued_bytes_, .user = write_user, .is_plain = is_plain});
    if (data.empty()) defer(port_->worker_);
    return Issued::ok;
}

/// Those whose last byte the kernel has.
void CompletionPort::Connection::complete_writes() {
    while (port_ != nullptr && written_ < writes_.size() && writes_[written_].end <= socket_->bytes_out()) {
        const auto write = writes_[written_++];
        if (written_ == writes_.size()) {
            writes_.clear();
            written_ = 0;
        }
        if (write.is_plain) has_plain_ = false;
        port_->handler_.on_send(name_, user_, write.user);
    }
    constexpr std::size_t kept_max = 64;
    if (written_ > kept_max && written_ > writes_.size() / 2) {
        writes_.erase(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(written_));
        written_ = 0;
    }
    if (is_draining_ && writes_.empty()) socket_->close();
}

/// Not inside a call of the socket, whose worker would end it for what is thrown.
void CompletionPort::Connection::on_deferred() {
    auto& worker = port_->worker_;
    try {
        go_on();
    } catch (...) {
        worker.caught("completion handler");
        socket_->abort(Error::os(EFAULT, "the handler threw"));
    }
}

void CompletionPort::Connection::go_on() {
    if (is_fresh_) {
        is_fresh_ = false;
        auto* const listener_user = std::exchange(user_, nullptr);  // not the socket's, if on_accept throws
        user_ = port_->handler_.on_accept(name_, socket_->local(), socket_->peer(), listener_user);
    }
    if (port_ == nullptr) return;
    complete_writes();
    if (!is_receiving_ || is_removed_ || port_ == nullptr || socket_->is_closing()) return;
    if (!arrived_.empty()) return deliver();
    if (has_ended_) on_end(*socket_);
}

void CompletionPort::Connection::remove() {
    if (std::exchange(is_removed_, true)) return;
    arrived_ = {};
    socket_->close();
}

void CompletionPort::Connection::on_drain(TcpSocket& socket) {
    is_draining_ = true;
    if (writes_.empty()) socket.close();
}

void CompletionPort::Connection::on_closed(TcpSocket&, Error error) {
    cancel();
    if (port_ == nullptr) return;
    auto& port = *std::exchange(port_, nullptr);
    port.unlink(*this);
    if (is_fresh_) return;  // nobody knows it
    if (is_removed_)
        error = {};
    else if (!error)
        error = Error::os(ECANCELED, "the worker stops");
    port.handler_.on_error(name_, error, user_);
}

/// The listening sockets of a port, each with its limit for a turn.
class CompletionPort::Accepts final : Deferred {
public:
    Accepts(CompletionPort& port, std::size_t ready, void* user)
        : next_(std::exchange(port.accepts_, this)), port_(port), ready_(ready), user_(user) {}
    ~Accepts() override {
        if (listener_ == nullptr) return;
        listener_->untie();
        listener_->abort();
    }

    Result<void> start(const Address& address) {
        auto listener =
            port_.worker_.open_listener(address, [this](TcpSocket& socket) { return accept(socket); });
        if (!listener) return fail(listener);
        listener_ = *listener;
        listener_->tie(listener_);
        return {};
    }

private:
    friend class CompletionPort;
    std::unique_ptr<SocketHandler> accept(TcpSocket& socket);
    void on_deferred() override {
        if (std::exchange(count_, 0) >= ready_ && listener_ != nullptr) listener_->ready_to_accept(true);
    }

    Accepts* const next_;
    CompletionPort& port_;
    const std::size_t ready_;
    void* const user_;
    Listener* listener_ = nullptr;
    std::size_t count_ = 0;  // in this turn
};

std::unique_ptr<SocketHandler> CompletionPort::Accepts::accept(TcpSocket& socket) {
    if (ready_ > 0) {
        defer(port_.worker_);  // counts from zero then
        if (++count_ >= ready_) listener_->ready_to_accept(false);
    }
    auto connection = std::make_unique<Connection>(port_);
    const auto name = port_.add(*connection);
    connection->begin(socket, name, nullptr);
    connection->accepted(user_);
    return connection;
}

CompletionPort::CompletionPort(Worker& worker, std::size_t read_buffer_bytes, CompletionHandler& handler)
    : worker_(worker), handler_(handler), read_bytes_(std::max<std::size_t>(read_buffer_bytes, 1)) {}

CompletionPort::~CompletionPort() {
    while (accepts_ != nullptr) delete std::exchange(accepts_, accepts_->next_);
    for (auto* connection = first_; connection != nullptr; connection = connection->next_) {
        connection->forget_port();
        connection->socket().abort();
    }
}

CompletionPort::Socket CompletionPort::add(Connection& connection) {
    const auto place = handles_.add(&connection);
    connection.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &connection;
    first_ = &connection;
    ++count_;
    return {place.place, place.generation};
}

CompletionPort::Connection* CompletionPort::find(Socket socket) const {
    if (socket.index == 0) return nullptr;
    return static_cast<Connection*>(handles_.find({socket.index, socket.generation}));
}

void CompletionPort::unlink(Connection& connection) {
    (connection.previous_ != nullptr ? connection.previous_->next_ : first_) = connection.next_;
    if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
    --count_;
    handles_.remove(connection.name_.index);
}

Result<void> CompletionPort::add_listening(const Address& address, std::size_t accepts_ready, void* user) {
    auto accepts = std::make_unique<Accepts>(*this, accepts_ready, user);
    auto started = accepts->start(address);
    std::ignore = accepts.release();  // in the list
    if (!started) delete std::exchange(accepts_, accepts_->next_);
    return started;
}

Result<CompletionPort::Socket> CompletionPort::add_connected(Detached<TcpSocket> detached, void* user) {
    auto& socket = worker_.adopt(std::move(detached));
    if (socket.is_closing()) return fail(Error::os(ENOTCONN, "the socket has ended"));
    auto connection = std::make_unique<Connection>(*this);
    const auto name = add(*connection);
    connection->begin(socket, name, user);
    connection->issued_bytes_ = socket.bytes_out() + socket.unsent_bytes();
    socket.handler(std::move(connection));
    return name;
}

void CompletionPort::receive(Socket socket) {
    if (auto* connection = find(socket)) connection->receive();
}

Issued CompletionPort::issue(Socket socket, Bytes data, void* write_user, bool is_plain) {
    auto* connection = find(socket);
    return connection == nullptr ? Issued::gone : connection->send(data, write_user, is_plain);
}

Issued CompletionPort::send(Socket socket, Bytes data, void* write_user) {
    return issue(socket, data, write_user, true);
}

Issued CompletionPort::send_queued(Socket socket, Bytes data, void* write_user) {
    return issue(socket, data, write_user, false);
}

void CompletionPort::remove(Socket socket) {
    if (auto* connection = find(socket)) connection->remove();
}

}  // namespace penstock::events
