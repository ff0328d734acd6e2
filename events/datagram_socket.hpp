// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/event_socket.hpp>
#include <penstock/events/remote.hpp>

#include <memory>
#include <span>
#include <string>

namespace penstock::events {

class DatagramSocket;

/// What a DatagramSocket tells. Owned by its socket, destroyed right after on_closed. All calls come on the
/// worker, none from inside a call into the socket. One that throws ends its socket.
class DatagramHandler {
public:
    virtual ~DatagramHandler() = default;
    /// All that one system call brought, in the order of their arrival; move the slices out of it at will.
    virtual void on_datagrams(DatagramSocket&, std::span<Datagram> datagrams) = 0;
    /// After a send that answered `wait` or `full`: half of the queue is free again.
    virtual void on_writable(DatagramSocket&) {}
    /// The system reported something about a datagram (of a connected socket: that nobody listens there). The
    /// socket goes on.
    virtual void on_error(DatagramSocket&, Error) {}
    /// The worker drains. The default closes.
    virtual void on_drain(DatagramSocket&);
    /// Last, once. A default-made Error: closed in order.
    virtual void on_closed(DatagramSocket&, Error) {}
};

/// A UDP socket. What is sent is collected, and goes out at the end of the turn in as few system calls as the
/// kernel allows: many to one call (sendmmsg), and those in a row to one peer and of one size as one piece
/// (UDP_SEGMENT). Received ones come in batches too (recvmmsg, UDP_GRO). See udp(7).
///
/// Replies leave from the address that the system chooses, which on a host with several may differ from the
/// one that was asked: bind each.
///
/// Owner: its worker, until the end of the turn of on_closed. Thread: its worker's; others hold a Remote.
class DatagramSocket final : public EventSocket {
public:
    static constexpr std::size_t unsent_max = 4096;                   ///< datagrams that wait to be sent
    static constexpr std::size_t unsent_bytes_max = 4 * 1024 * 1024;  ///< and their bytes
    static constexpr std::size_t datagram_bytes_max = 65'507;         ///< over IPv4: 65,535 less the headers

    struct Counts {
        std::uint64_t datagrams_in = 0, bytes_in = 0;
        std::uint64_t datagrams_out = 0, bytes_out = 0;
        std::uint64_t refused = 0;  ///< the system would not send them
    };

    DatagramSocket(Worker& worker, std::unique_ptr<DatagramHandler> handler);
    ~DatagramSocket() override;

    Remote<DatagramSocket> remote();
    /// Where it is bound, the port included that the system chose.
    const Address& local() const { return local_; }
    DatagramHandler* handler() const { return handler_.get(); }

    /// `full`: it was not taken. `wait`: it was, and the next may not be. Above datagram_bytes_max the system
    /// refuses it later, which is counted. An empty address: to the peer that it is connected to.
    Sent send(const Address& to, Slice data);
    Sent send(const Address& to, Bytes data);  ///< copies
    std::size_t unsent() const;                ///< datagrams
    std::size_t unsent_bytes() const { return unsent_bytes_; }

    /// While false, datagrams wait in the system's buffer, and what doesn't fit there is lost.
    void ready_to_read(bool is);
    /// Sends what is queued, then ends.
    void close();
    void abort() override { fail_with(Error::os(ECONNABORTED, "aborted")); }
    bool is_closing() const { return is_closing_ || is_ended(); }
    const Counts& counts() const { return counts_; }

private:
    friend class Worker;
    Result<void> start(const Address& local, const DatagramOptions& options);
    void fail_with(Error error);
    void arm();
    void sent(Operation& operation);

    void drain() override { handler_->on_drain(*this); }
    void flush() override;
    void on_ended(Error error) override { handler_->on_closed(*this, error); }
    void on_datagrams(std::span<Datagram> datagrams) override;
    void on_receive_failed(Error error) override;
    void on_completed(Operation& operation) override { sent(operation); }
    void on_thrown(Error error) override { fail_with(error); }
    std::string origin() const override { return "at " + local_.text(); }

    const std::unique_ptr<DatagramHandler> handler_;
    Operation* out_ = nullptr;      // collects
    Operation* sending_ = nullptr;  // in flight
    std::size_t unsent_bytes_ = 0;
    std::size_t sending_bytes_ = 0, sending_count_ = 0;
    Address local_;
    Counts counts_;
    bool is_reading_ = true;
    bool is_waiting_ = false;
    bool is_closing_ = false;
};

}  // namespace penstock::events

namespace penstock {
using events::Datagram;
using events::DatagramSocket;
}  // namespace penstock
