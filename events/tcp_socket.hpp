// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/chain.hpp>
#include <penstock/events/event_socket.hpp>
#include <penstock/events/remote.hpp>
#include <penstock/events/timer_wheel.hpp>

#include <concepts>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace penstock::events {

class TcpSocket;

namespace detail {

/// Of a socket between two workers, kept by the one where it is: what it has received and not told. On the
/// old one until nothing of it is in flight; on the new one until its handler reads.
struct Moving {
    virtual ~Moving() = default;
    virtual void left(Detached<TcpSocket>);
    TcpSocket* socket = nullptr;
    std::vector<Buffer> unread;
};

}  // namespace detail

/// What may ride on a socket that moves to another worker: it holds nothing of its old one.
class Movable {
public:
    virtual void on_adopted(TcpSocket&) {}
    /// Whether this is a good time for Reactor::rebalance to move it: nothing is half done.
    virtual bool is_at_rest(const TcpSocket&) const { return true; }

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

/// A connected (or connecting) stream: TCP, or a unix stream socket, whose peer() is empty. Output is
/// collected and sent at the end of the turn, gathered. 168 bytes; while nothing is queued it holds no
/// buffer.
///
/// Times are kept in milliseconds, rounded up; at most time_max.
///
/// Thread, owner: its worker, until the end of the turn of on_closed; others hold a Remote.
class TcpSocket final : public EventSocket, Deadline {
public:
    static constexpr std::size_t send_bytes_max = 256 * 1024;  ///< one send operation
    /// While it closes: the peer has this long to take more of what is queued, and after our end is sent, to
    /// send its own.
    static constexpr std::chrono::seconds linger{2};
    static constexpr std::chrono::hours time_max{24 * 24};

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
    void marks(const WriteMarks& marks);

    void ready_to_read(bool is);
    /// Reads at most this much until it is called again; for who counts its own window. From
    /// Backend::credit_unlimited on: no limit.
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
    bool peer_has_finished() const { return read_ended_; }  ///< its direction, and we were told
    /// Movable, and nothing is under way.
    bool is_at_rest() const;

    // Each ends it with ETIMEDOUT. Zero: never, the default.

    /// Nothing came or went for so long (a connect counts too, unless it has a limit of its own). The peer
    /// sees an end in order, or a reset when something is unsent.
    void idle_timeout(std::chrono::nanoseconds time);
    /// It is not connected by then.
    void connect_timeout(std::chrono::nanoseconds time);
    /// Something is queued, and the peer took none of it for so long.
    void write_timeout(std::chrono::nanoseconds time);

    std::uint64_t bytes_in() const { return bytes_in_; }
    std::uint64_t bytes_out() const { return bytes_out_; }
    /// What was handed to write, all told: what has left and what is still to.
    std::uint64_t bytes_written() const {
        return bytes_out_ + unsent_bytes() + (sending_ != nullptr ? sending_->done.bytes : 0);
    }
    /// Whether detach would be refused, but for the handler.
    Result<void> may_leave() const;

    /// Leaves this worker: cancels what is in flight, then calls `then` with descriptor, unsent bytes and
    /// handler. Refused when a Remote was given out, when the handler is not Movable, or when the worker
    /// drains; then nothing has changed. Until it has left, writes answer `closed`; finish and close are done
    /// where it goes.
    template <std::invocable<Detached<TcpSocket>> Then>
    Result<void> detach(Then then) {
        return begin_leaving(std::make_unique<LeavingBy<Then>>(std::move(then)));
    }

private:
    friend class Worker;
    friend class Listener;
    friend class Detached<TcpSocket>;

    template <class Then>
    struct LeavingBy final : detail::Moving {
        explicit LeavingBy(Then t) : then(std::move(t)) {}
        void left(Detached<TcpSocket> detached) override;
        Then then;
    };
    static void* operator new(std::size_t bytes, Worker& worker);
    static void operator delete(void* memory, Worker& worker);
    static void operator delete(TcpSocket* ended, std::destroying_delete_t);

    Result<void> begin_leaving(std::unique_ptr<detail::Moving> leaving);
    void start(Descriptor descriptor, std::unique_ptr<SocketHandler> handler);
    void connect(Result<Descriptor> descriptor, std::unique_ptr<SocketHandler> handler);
    void adopt(Detached<TcpSocket> detached);
    void send();
    void sent(Operation& operation);
    void fail_with(Error error);
    void fail_with(Error error, bool resets);
    void arm_read();
    void arm_deadline();
    void tell_unread();
    void tell_writable();
    void finish_now();
    void go();
    void leave();
    void connected(Error error);
    const WriteMarks& marks() const;

    void drain() override;
    void flush() override;
    void on_ended(Error error) override;
    void on_received(Slice slice) override;
    void on_receive_end() override;
    void on_receive_failed(Error error) override { fail_with(error); }
    void on_completed(Operation& operation) override;
    void on_settled() override { leave(); }
    void on_thrown(Error error) override { fail_with(error); }
    void on_due() override;
    std::string origin() const override;

    std::unique_ptr<SocketHandler> handler_;
    Operation* out_ = nullptr;      // collects what is written
    Operation* sending_ = nullptr;  // in flight: a send, or the connect
    std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
    Address peer_;
    std::uint32_t active_ms_;    // when something last came or went
    std::uint32_t sent_ms_ = 0;  // when the peer last took something, or something was queued behind nothing
    std::uint32_t idle_ms_ = 0, write_ms_ = 0;  // 0: no limit
    std::uint32_t credit_;
    std::uint8_t marks_ = 0;  // in the worker's list
    bool is_connected_ : 1 = false;
    bool has_connect_limit_ : 1 = false;
    bool connect_done_ : 1 = false;  // answered at once: told in the flush of this turn
    bool is_reading_ : 1 = true;
    bool read_ended_ : 1 = false;
    bool is_closing_ : 1 = false;
    bool is_finishing_ : 1 = false;
    bool is_finished_ : 1 = false;
    bool is_waiting_ : 1 = false;   // a write answered `wait`
    bool wants_write_ : 1 = false;  // ready_to_write
    bool drain_due_ : 1 = false;    // became live while the worker drains
    bool is_leaving_ : 1 = false;
    bool has_unread_ : 1 = false;  // brought along
    bool sent_due_ : 1 = false;    // something was sent while it left: to be told
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
    std::vector<Buffer> unread_, unsent_;
    Address peer_;
    const WriteMarks* marks_ = nullptr;
    std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
    std::uint32_t idle_ms_ = 0, write_ms_ = 0, credit_ = 0;
    bool is_reading_ = true, read_ended_ = false, is_waiting_ = false, wants_write_ = false,
         is_finishing_ = false, is_finished_ = false, is_closing_ = false, sent_due_ = false;
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
