// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/chain.hpp>
#include <penstock/events/event_socket.hpp>
#include <penstock/events/remote.hpp>
#include <penstock/events/timer_wheel.hpp>

#include <concepts>
#include <memory>
#include <vector>

namespace penstock::events {

class TcpSocket;

/// What may ride on a socket that moves to another worker: it holds nothing of its old one.
class Movable {
public:
    virtual void on_adopted(TcpSocket&) {}

protected:
    ~Movable() = default;
};

/// What a TcpSocket tells. Owned by its socket, destroyed right after on_closed. All calls come on the
/// worker, none from inside a call into the socket. One that throws ends its socket.
class SocketHandler {
public:
    virtual ~SocketHandler() = default;
    virtual void on_connected(TcpSocket&) {}
    /// Consumed when it returns.
    virtual void on_read(TcpSocket&, Slice) = 0;
    /// After a write that answered `wait`: what is queued fell below the low mark. While ready_to_write is
    /// set: now.
    virtual void on_writable(TcpSocket&) {}
    /// The kernel took bytes: see bytes_out and unsent_bytes.
    virtual void on_sent(TcpSocket&) {}
    /// The peer finished its direction. Ours is still open; the default closes it.
    virtual void on_end(TcpSocket&);
    /// The worker drains: finish what runs. The default closes.
    virtual void on_drain(TcpSocket&);
    /// Last, once. A default-made Error: closed in order.
    virtual void on_closed(TcpSocket&, Error) {}
};

/// Limits of one socket, in bytes queued to be sent.
struct WriteMarks {
    std::size_t high_bytes = 256 * 1024;       ///< from here on write answers `wait`
    std::size_t low_bytes = 64 * 1024;         ///< at or below, on_writable comes
    std::size_t max_bytes = 16 * 1024 * 1024;  ///< beyond, write answers `full`; one piece is always taken
};

/// A connected (or connecting) TCP stream. Output is collected and sent at the end of the turn, gathered.
/// Thread, owner: its worker, until the end of the turn of on_closed; others hold a Remote.
class TcpSocket final : public EventSocket, Deadline {
public:
    static constexpr std::size_t send_bytes_max = 256 * 1024;  ///< one send operation
    /// After our end is sent, the peer has this long to send its own.
    static constexpr std::chrono::seconds linger{2};

    TcpSocket(Worker& worker, const Address& peer);
    ~TcpSocket() override;

    Remote<TcpSocket> remote();
    const Address& peer() const { return peer_; }
    Address local() const;
    SocketHandler* handler() const { return handler_.get(); }
    /// Other callbacks from now on; the former handler dies at the end of the turn.
    void handler(std::unique_ptr<SocketHandler> next);

    Sent write(Slice slice);
    Sent write(Bytes bytes);  ///< copies
    Sent write(Chain chain);
    std::size_t unsent_bytes() const;
    /// One table for many sockets; outlives them.
    void marks(const WriteMarks& marks) { marks_ = &marks; }

    void ready_to_read(bool is);
    /// Reads at most this much until it is called again; for who counts its own window.
    void read_credit(std::size_t bytes);
    /// Asks for on_writable whenever there is room.
    void ready_to_write(bool is);

    /// Ends our direction behind what is queued.
    void finish();
    /// Graceful: sends what is queued, ends our direction, waits for the peer's end (for `linger`).
    void close();
    void abort() override { abort(Error::os(ECONNABORTED, "aborted")); }
    void abort(Error error);
    bool is_closing() const { return is_closing_ || is_ended(); }
    bool is_connected() const { return is_connected_; }
    /// Ends with ETIMEDOUT when nothing came or went for so long (a connect counts too). Zero: never, the
    /// default.
    void idle_timeout(std::chrono::nanoseconds time);

    std::uint64_t bytes_in() const { return bytes_in_; }
    std::uint64_t bytes_out() const { return bytes_out_; }

    /// Leaves this worker: cancels what is in flight, then calls `then` with descriptor, unsent bytes and
    /// handler. Refused when a Remote was given out, or when the handler is not Movable; then nothing has
    /// changed.
    template <std::invocable<Detached<TcpSocket>> Then>
    Result<void> detach(Then then) {
        return begin_leaving(std::make_unique<LeavingBy<Then>>(std::move(then)));
    }

private:
    friend class Worker;
    friend class Listener;
    friend class Detached<TcpSocket>;

    struct Leaving {
        virtual ~Leaving() = default;
        virtual void left(Detached<TcpSocket> detached) = 0;
    };
    template <class Then>
    struct LeavingBy final : Leaving {
        explicit LeavingBy(Then t) : then(std::move(t)) {}
        void left(Detached<TcpSocket> detached) override;
        Then then;
    };

    Result<void> begin_leaving(std::unique_ptr<Leaving> leaving);
    void start(Descriptor descriptor, std::unique_ptr<SocketHandler> handler);
    void connect(std::unique_ptr<SocketHandler> handler);
    void adopt(Detached<TcpSocket> detached);
    void flush();
    void sent(Operation& operation);
    void mark_dirty();
    void fail_with(Error error);
    void arm_read();
    void tell_writable();
    void finish_now();
    void leave();
    void connected(Error error);

    void drain() override;
    void on_ended() override;
    void on_received(Slice slice) override;
    void on_receive_end() override;
    void on_receive_failed(Error error) override { fail_with(error); }
    void on_completed(Operation& operation) override;
    void on_thrown(Error error) override { fail_with(error); }
    void on_due() override;

    std::unique_ptr<SocketHandler> handler_;
    std::unique_ptr<Leaving> leaving_;
    Chain out_;
    Operation* sending_ = nullptr;
    const WriteMarks* marks_;
    std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
    TimePoint active_;
    std::chrono::nanoseconds idle_{0};
    std::size_t credit_;
    Address peer_;
    Error error_;
    std::uint32_t place_ = 0;  // in the worker's handle table, once a Remote was given out
    bool is_connected_ = false;
    bool is_reading_ = true;
    bool read_ended_ = false;
    bool is_closing_ = false;
    bool is_finishing_ = false;
    bool is_finished_ = false;
    bool is_dirty_ = false;
    bool is_waiting_ = false;    // a write answered `wait`
    bool wants_write_ = false;   // ready_to_write
    bool drain_due_ = false;     // became live while the worker drains
    bool connect_done_ = false;  // answered at once: told in the flush of this turn
};

template <>
class Detached<TcpSocket> {
public:
    Detached(Detached&&) noexcept = default;
    Detached& operator=(Detached&&) noexcept = default;
    ~Detached() = default;
    const Address& peer() const { return peer_; }

    static constexpr bool sendable = true;

private:
    friend class TcpSocket;
    friend class Listener;
    Detached() = default;

    Descriptor descriptor_;
    std::unique_ptr<SocketHandler> handler_;
    std::vector<Buffer> unsent_;
    Address peer_;
    const WriteMarks* marks_ = nullptr;
    std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
    std::chrono::nanoseconds idle_{0};
    std::size_t credit_ = 0;
    bool is_reading_ = true, read_ended_ = false, is_waiting_ = false, wants_write_ = false,
         is_finishing_ = false, is_finished_ = false;
};

template <class Then>
void TcpSocket::LeavingBy<Then>::left(Detached<TcpSocket> detached) {
    then(std::move(detached));
}

template <>
struct ShortCuts<TcpSocket> {
    /// `full`: the worker's inbox is; `closed`: the worker has stopped. After those the buffer is still
    /// yours.
    Sent write(Buffer&& buffer) const;
    /// Nothing happens if it is gone already; when the inbox is full it is tried again by nobody: see the
    /// answer.
    Posted close() const;
};

}  // namespace penstock::events

namespace penstock {
using events::TcpSocket;
}
