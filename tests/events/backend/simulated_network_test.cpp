// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <algorithm>
#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace penstock;
using namespace penstock::events;

namespace {

struct Idle final : SocketHandler {
    void on_read(TcpSocket&, Slice) override {}
};
std::unique_ptr<SocketHandler> idle(TcpSocket&) { return std::make_unique<Idle>(); }

/// How a connection came about and ended.
struct Outcome {
    bool connected = false, closed = false;
    Error error;
    Address local, peer;
};
struct Notes final : SocketHandler {
    explicit Notes(Outcome& o) : outcome(o) {}
    void on_connected(TcpSocket& socket) override {
        outcome.connected = true;
        outcome.local = socket.local();
        outcome.peer = socket.peer();
    }
    void on_read(TcpSocket&, Slice) override {}
    void on_closed(TcpSocket&, Error e) override {
        outcome.closed = true;
        outcome.error = e;
    }
    Outcome& outcome;
};

Outcome try_connect(Simulation& sim, Worker& from, const Address& to) {
    Outcome out;
    auto& socket = from.connect(to, std::make_unique<Notes>(out));
    sim.run_for(1s);
    if (!out.closed) socket.abort();
    sim.run_for(1s);
    return out;
}

Result<Descriptor> listen_at(Worker& worker, const Address& address, bool shares) {
    return worker.backend().open_listening(address, {.share_port = shares});
}

}  // namespace

TEST_CASE("an address belongs to one host, and there listeners that share it may be several") {
    Simulation sim(1);
    auto& one = sim.add_host();
    auto& other = sim.add_host();
    const Address address("10.0.0.1:7");
    auto first = listen_at(one, address, true);
    REQUIRE(first);
    CHECK(listen_at(one, address, true));
    CHECK(listen_at(one, address, false).error() == Error::os(EADDRINUSE));
    CHECK(listen_at(other, address, true).error() == Error::os(EADDRINUSE));
    CHECK(listen_at(other, address.with_port(8), true));  // port by port
    first->close();
    auto alone = listen_at(other, address, false);
    REQUIRE(alone);
    CHECK(listen_at(other, address, true).error() == Error::os(EADDRINUSE));
    CHECK(listen_at(other, "0.0.0.0:7", true).error() == Error::os(EADDRINUSE));
    CHECK(listen_at(one, "0.0.0.0:7", true));
}

TEST_CASE("each host has an address of its own, loopback addresses, and ports that the network chooses") {
    Simulation sim(1, {.late = 0});
    auto& one = sim.add_host();
    auto& other = sim.add_host();
    CHECK(sim.address_of(one, 80) == Address("10.1.0.1:80"));
    CHECK(sim.address_of(other, 0) == Address("10.1.0.2:0"));
    CHECK(listen_at(other, sim.address_of(one, 80), true).error() == Error::os(EADDRNOTAVAIL));
    auto everywhere = one.open_listener("0.0.0.0:0", idle);
    REQUIRE(everywhere);
    const auto port = (*everywhere)->address().port();
    CHECK(port >= 32'768);
    const auto near = try_connect(sim, one, Address("127.0.0.1:0").with_port(port));
    CHECK(near.connected);
    CHECK(near.local.is_loopback());
    const auto far = try_connect(sim, other, sim.address_of(one, port));
    CHECK(far.connected);
    CHECK(far.local.with_port(0) == sim.address_of(other, 0));
    CHECK(try_connect(sim, other, Address("127.0.0.1:0").with_port(port)).error == Error::os(ECONNREFUSED));
    CHECK(try_connect(sim, other, Address("10.0.0.9:0").with_port(port)).error == Error::os(ECONNREFUSED));
    auto next = one.open_listener("127.0.0.1:0", idle);
    REQUIRE(next);
    CHECK((*next)->address().port() != port);
    CHECK(other.open_listener("127.0.0.1:0", idle));
    auto six = one.open_listener("[::]:80", idle);
    REQUIRE(six);
    CHECK(try_connect(sim, other, "[fd00::1]:80").connected);
    CHECK(try_connect(sim, one, "[::1]:80").connected);
    CHECK(try_connect(sim, other, sim.address_of(one, 80)).error == Error::os(ECONNREFUSED));  // IPv6 only
}

TEST_CASE(
    "listeners that share an address share its connections, and one that closes leaves them to others") {
    Outcome outcomes[60];
    int taken[2] = {0, 0};
    Simulation sim(1);
    auto& server = sim.add_host();
    Listener* listeners[2];
    for (int i = 0; i < 2; ++i) {
        auto made = server.open_listener("10.0.0.1:7", [&taken, i](TcpSocket&) {
            ++taken[i];
            return std::make_unique<Idle>();
        });
        REQUIRE(made);
        listeners[i] = *made;
    }
    auto& client = sim.add_host();
    for (int i = 0; i < 40; ++i) client.connect("10.0.0.1:7", std::make_unique<Notes>(outcomes[i]));
    sim.run_for(1s);
    CHECK(taken[0] + taken[1] == 40);
    CHECK(taken[0] > 5);
    CHECK(taken[1] > 5);
    listeners[0]->close();
    sim.run_for(1s);
    const int before = taken[0];
    for (int i = 40; i < 60; ++i) client.connect("10.0.0.1:7", std::make_unique<Notes>(outcomes[i]));
    sim.run_for(1s);
    CHECK(taken[0] == before);
    CHECK(taken[0] + taken[1] == 60);
}

TEST_CASE("a full backlog takes no more until somebody accepts") {
    Outcome outcomes[6];
    Simulation sim(1, {.late = 0});
    auto& server = sim.add_host();
    auto listener = std::make_unique<Listener>(server, idle);
    REQUIRE(listener->start("10.0.0.1:7", {.backlog = 2}));
    auto& held = *listener.release();
    held.ready_to_accept(false);
    auto& client = sim.add_host();
    for (auto& outcome : outcomes) client.connect("10.0.0.1:7", std::make_unique<Notes>(outcome));
    sim.run_for(10s);
    auto connected = [&] {
        return std::ranges::count_if(outcomes, [](const auto& outcome) { return outcome.connected; });
    };
    CHECK(connected() == 3);
    held.ready_to_accept(true);
    sim.run_for(60s);
    CHECK(connected() == 6);
}

TEST_CASE("names of unix sockets are known to all hosts") {
    Simulation sim(1);
    auto& server = sim.add_host();
    auto& client = sim.add_host();
    auto try_path = [&](const std::string& path) {
        Outcome out;
        auto& socket = client.connect_unix(path, std::make_unique<Notes>(out));
        sim.run_for(1s);
        if (!out.closed) socket.abort();
        sim.run_for(1s);
        return out;
    };
    CHECK(try_path("/run/a").error == Error::os(ENOENT));
    CHECK(try_path("@a").error == Error::os(ECONNREFUSED));
    CHECK(try_path("").error == Error::os(EINVAL));
    CHECK(try_path(std::string(108, 'a')).error == Error::os(ENAMETOOLONG));
    for (const std::string path : {"/run/a", "@a"}) {
        CAPTURE(path);
        auto listener = std::make_unique<Listener>(server, idle);
        auto opened = server.backend().open_unix_listening(path, {});
        REQUIRE(opened);
        REQUIRE(listener->start(std::move(*opened)));
        auto& listening = *listener.release();
        CHECK(client.backend().open_unix_listening(path, {}).error() == Error::os(EADDRINUSE));
        CHECK(try_path(path).connected);
        CHECK(listening.accepted() == 1);
        listening.abort();
        sim.run_for(1s);
        CHECK(try_path(path).error == Error::os(ECONNREFUSED));  // the file is left
        CHECK(server.backend().open_unix_listening(path, {}));   // and in nobody's way
    }
}

TEST_CASE("a descriptor of the system has no place in a simulation") {
    Simulation sim(1);
    auto& host = sim.add_host();
    struct Nobody final : EntryOwner {
    } nobody;
    const auto entered = host.backend().enter(Descriptor(::dup(0), Descriptor::Kind::other), nobody);
    CHECK(entered.error() == Error::os(ENOTSUP));
}
