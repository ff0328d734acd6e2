// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/tcp_socket.hpp>
#include <penstock/net/pipeline/pipeline.hpp>
#include <penstock/net/resting.hpp>

#include <functional>
#include <memory>

namespace penstock::net {

/// A pipeline on a TCP socket, as that socket's handler. Owner: the socket.
///
/// One that knows how to fill its pipeline lets go of it when it has rested for longest among more than
/// RestList::kept_max; of an idle connection there is a Resting left, until bytes come.
class SocketCarrier final : public events::SocketHandler, public pipeline::Carrier, RestLink {
public:
    using Connected = std::move_only_function<void(Pipeline&)>;
    /// `on_connected` is called when a connecting socket has connected.
    explicit SocketCarrier(TcpSocket& socket, Connected on_connected = {})
        : socket_(socket),
          line_(socket.worker(), *this, socket.bytes_written()),
          connected_(std::move(on_connected)) {}
    /// With its pipeline filled, and again whenever it is made anew.
    static std::unique_ptr<SocketCarrier> filled(TcpSocket& socket, std::shared_ptr<Fill> fill);

    Pipeline& line() { return line_; }
    TcpSocket& socket() { return socket_; }

    /// Takes the socket out of the pipeline, which ends at the end of the turn without a word to its
    /// handlers, and hands it over: for an upgrade that goes on elsewhere. What was written is sent first or
    /// travels along.
    template <class Then>
    Result<void> release(Then then) {
        struct Inert final : events::SocketHandler, events::Movable {
            void on_read(TcpSocket&, Slice) override {}
        };
        auto& socket = socket_;
        if (auto may = socket.may_leave(); !may) return may;
        unlink();
        socket.read_credit(0);
        socket.handler(std::make_unique<Inert>());
        return socket.detach(std::move(then));
    }

private:
    void on_connected(TcpSocket&) override {
        if (connected_) connected_(line_);
    }
    void on_read(TcpSocket&, Slice slice) override {
        unlink();
        line_.received(std::move(slice));
    }
    void on_writable(TcpSocket&) override { line_.writable(); }
    void on_sent(TcpSocket&) override { line_.sent(); }
    void on_end(TcpSocket&) override { line_.receive_end(); }
    void on_drain(TcpSocket&) override { line_.drain(); }
    void on_closed(TcpSocket&, Error error) override { line_.closed(error); }

    void write(Chain chain) override;
    std::uint64_t bytes_left() const override { return socket_.bytes_out(); }
    std::size_t unsent_bytes() const override { return socket_.unsent_bytes(); }
    void read_credit(std::size_t bytes) override { socket_.read_credit(bytes); }
    void close() override { socket_.close(); }
    void abort(Error error) override { socket_.abort(error); }
    void idle_timeout(std::chrono::nanoseconds time) override { socket_.idle_timeout(time); }
    const Address& peer() const override { return socket_.peer(); }
    void rest() override;
    void let_go();

    TcpSocket& socket_;
    Pipeline line_;
    Connected connected_;
    std::shared_ptr<Fill> fill_;
};

}  // namespace penstock::net
