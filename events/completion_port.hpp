// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/worker.hpp>

#include <cstddef>
#include <cstdint>

namespace penstock::events {

class CompletionHandler;

/// What became of a send. `busy`: a plain send of that socket has not completed. `gone`: the socket is
/// removed or has ended, or never was.
enum class [[nodiscard]] Issued : std::uint8_t { ok, busy, gone };

/// Completion-style I/O on TCP sockets: operations are issued, and their ends come to one CompletionHandler,
/// never from inside a call of the port. The same on every backend.
///
/// A write buffer stays yours to keep alive until its on_send, or until on_error ends the socket. A read
/// buffer is yours to read from its on_receive until the next receive() on that socket, or on_error. Neither
/// is copied.
///
/// A socket ends by exactly one on_error, behind all other callbacks of it: with its error, or with an empty
/// one after remove(). Writes that did not complete have no on_send then.
///
/// Thread: its worker's, all calls. Owner: you; it dies before its worker, not inside a callback of its own.
/// Its destructor aborts all sockets and calls nobody; write buffers may die right after it.
class CompletionPort : core::Affine {
public:
    struct Socket {
        std::uint32_t index = 0, generation = 0;
        friend bool operator==(const Socket&, const Socket&) = default;
    };

    /// One receive brings at most `read_buffer_bytes` (and at most a slab of 16 KiB); at least 1.
    CompletionPort(Worker& worker, std::size_t read_buffer_bytes, CompletionHandler& handler);
    ~CompletionPort();

    /// Accepts from now on, at most `accepts_ready` in one turn of the worker (0: as many as come). The port
    /// is shared with other workers that listen there. `user` is handed to each on_accept.
    Result<void> add_listening(const Address& address, std::size_t accepts_ready, void* user);
    /// Takes over a socket that was detached; its handler dies.
    Result<Socket> add_connected(Detached<TcpSocket> socket, void* user);
    /// Issues one receive. Nothing happens when one is issued already, or the socket is gone.
    void receive(Socket socket);
    /// Issues a send, without an allocation in the steady state.
    Issued send(Socket socket, Bytes data, void* write_user);
    /// Likewise, as many as you like: in the order of their calls, behind a plain one too.
    Issued send_queued(Socket socket, Bytes data, void* write_user);
    /// No more receives complete; what was issued to be sent is sent, while the peer takes it; then on_error
    /// comes, with an empty error.
    void remove(Socket socket);

    std::size_t sockets() const { return count_; }

private:
    class Connection;
    class Accepts;
    Socket add(Connection& connection);
    Connection* find(Socket socket) const;
    Issued issue(Socket socket, Bytes data, void* write_user, bool is_plain);
    void unlink(Connection& connection);

    Worker& worker_;
    CompletionHandler& handler_;
    const std::size_t read_bytes_;
    HandleTable handles_;
    Connection* first_ = nullptr;  // all that live
    Accepts* accepts_ = nullptr;   // of all listening sockets
    std::size_t count_ = 0;
};

/// What a CompletionPort tells. What a callback throws ends its socket.
class CompletionHandler {
public:
    /// Answers the socket's user pointer. May issue receives and sends at once.
    virtual void* on_accept(CompletionPort::Socket, const Address& local, const Address& remote,
                            void* listener_user) = 0;
    /// Empty: the peer has finished its direction.
    virtual void on_receive(CompletionPort::Socket, Bytes data, void* user) = 0;
    /// All of it is the kernel's.
    virtual void on_send(CompletionPort::Socket, void* user, void* write_user) = 0;
    /// The closing call: nothing comes behind it.
    virtual void on_error(CompletionPort::Socket, Error error, void* user) = 0;

protected:
    ~CompletionHandler() = default;
};

}  // namespace penstock::events
