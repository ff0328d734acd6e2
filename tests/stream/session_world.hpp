// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/net/socket_carrier.hpp>
#include <penstock/stream/channels.hpp>
#include <penstock/stream/end_counters.hpp>
#include <penstock/stream/session.hpp>
#include <penstock/stream/tcp_carrier.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/hex.hpp>

namespace penstock::test {

/// A channel handler whose callbacks are the test's, and what it saw.
struct Probe {
    std::function<Result<void>(stream::Channel&, Bytes)> open;
    std::function<void(stream::Channel&, stream::Packet)> packet;
    std::function<void(stream::Channel&)> writable;
    std::function<void(stream::Channel&)> end;
    std::vector<stream::Channel*> channels;  ///< as they open
    std::vector<std::string> opened_with, got;
    std::vector<std::uint8_t> types;
    std::vector<stream::Closed> closed;
    int ends = 0;
};

struct ProbeHandler final : stream::ChannelHandler {
    explicit ProbeHandler(Probe& p) : probe(p) {}
    Result<void> on_open(stream::Channel& channel, Bytes params) override {
        probe.channels.push_back(&channel);
        probe.opened_with.emplace_back(params.text());
        return probe.open ? probe.open(channel, params) : Result<void>();
    }
    void on_packet(stream::Channel& channel, stream::Packet packet) override {
        if (probe.packet) return probe.packet(channel, std::move(packet));
        probe.types.push_back(packet.type);
        probe.got.emplace_back(packet.data.text());
    }
    void on_writable(stream::Channel& channel) override {
        if (probe.writable) probe.writable(channel);
    }
    void on_end(stream::Channel& channel) override {
        ++probe.ends;
        if (probe.end) return probe.end(channel);
        stream::ChannelHandler::on_end(channel);
    }
    void on_closed(stream::Channel&, const stream::Closed& how) override { probe.closed.push_back(how); }
    Probe& probe;
};

inline void add(stream::Channels& table, char letter, const stream::ChannelOptions& options, Probe& probe) {
    table.add(letter, options, [&probe](stream::Channel&) { return std::make_unique<ProbeHandler>(probe); });
}

/// One end of a session, with the worker's parts that it needs.
struct Side {
    explicit Side(Worker& w) : worker(w) {}
    void make(stream::SessionTerms terms) {
        session = std::make_unique<stream::Session>(worker, std::move(terms), table, [this](Error error) {
            ended = error;
            worker.bury(std::move(session));
        });
    }
    Worker& worker;
    crypto::Algorithms algorithms;
    std::shared_ptr<stream::Channels> table = std::make_shared<stream::Channels>();
    std::optional<Error> ended;
    std::unique_ptr<stream::Session> session;
};

inline stream::SessionTerms terms_of(stream::Role role, const stream::Channels& table) {
    stream::SessionTerms out;
    out.role = role;
    for (const auto& request : table.requests()) out.letters.push_back(stream::grant(request, request));
    return out;
}

inline stream::RecordKeys made_up_keys() {
    stream::RecordKeys out;
    out.client = crypto::Secret<32>(array(std::string(32, 'c')));
    out.server = crypto::Secret<32>(array(std::string(32, 's')));
    return out;
}

/// Puts its pipeline on the socket once that is connected.
struct Connecting final : events::SocketHandler {
    explicit Connecting(std::function<void(Pipeline&)> f) : fill(std::move(f)) {}
    void on_connected(TcpSocket& socket) override {
        auto carrier = std::make_unique<net::SocketCarrier>(socket);
        auto& line = carrier->line();
        auto filled = std::move(fill);
        socket.handler(std::move(carrier));
        filled(line);
    }
    void on_read(TcpSocket&, Slice) override {}
    std::function<void(Pipeline&)> fill;
};

/// Client and server on two simulated hosts, connected by TCP with keys that both know.
struct World {
    using Fill = std::function<void(stream::Channels& client, stream::Channels& server)>;
    using Change = std::function<void(stream::SessionTerms&)>;
    explicit World(const Fill& fill, std::uint64_t seed = 1, events::Faults faults = {},
                   const Change& change = {})
        : sim(seed, faults), client(sim.add_host()), server(sim.add_host()) {
        fill(*client.table, *server.table);
        for (auto* side : {&client, &server}) {
            auto terms =
                terms_of(side == &client ? stream::Role::client : stream::Role::server, *side->table);
            if (change) change(terms);
            side->make(std::move(terms));
        }
        {
            const core::Home::Entered entered(&server.worker);
            auto listening = server.worker.open_listener("10.0.0.1:80", [this](TcpSocket& socket) {
                auto carrier = std::make_unique<net::SocketCarrier>(socket);
                attach(server, carrier->line());
                return carrier;
            });
            REQUIRE(listening);
        }
        const core::Home::Entered entered(&client.worker);
        client.worker.connect("10.0.0.1:80",
                              std::make_unique<Connecting>([this](Pipeline& line) { attach(client, line); }));
    }
    ~World() {  // sessions die on their workers
        for (auto* side : {&client, &server}) {
            const core::Home::Entered entered(&side->worker);
            side->session = nullptr;
        }
    }
    void attach(Side& side, Pipeline& line) {
        (&side == &client ? client_line : server_line) = &line;
        line.add(std::make_unique<stream::TcpCarrier>(*side.session, side.algorithms, crypto::Suite::aes_gcm,
                                                      made_up_keys(), limits));
    }
    void run(std::chrono::nanoseconds time = 5s) { sim.run_for(time); }
    /// Runs on the client's worker.
    template <class F>
    auto at_client(F f) {
        const core::Home::Entered entered(&client.worker);
        return f(*client.session);
    }
    template <class F>
    auto at_server(F f) {
        const core::Home::Entered entered(&server.worker);
        return f(*server.session);
    }

    events::Simulation sim;
    stream::RecordLimits limits;
    Side client, server;
    Pipeline* client_line = nullptr;
    Pipeline* server_line = nullptr;
};

/// Text that says where it belongs.
inline std::string message_text(std::size_t number, std::size_t bytes) {
    std::string out = std::to_string(number) + ":";
    while (out.size() < bytes) out += static_cast<char>('a' + (out.size() * 7 + number) % 26);
    out.resize(bytes);
    return out;
}

}  // namespace penstock::test
