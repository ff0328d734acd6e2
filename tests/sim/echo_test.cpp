// SPDX-License-Identifier: Apache-2.0
// Echo over TCP while both ends move from worker to worker under traffic: no byte is lost, repeated or out of
// order, whatever breaks; and what does not break comes to its end.
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "scenario.hpp"

using namespace penstock;
using namespace penstock::events;
using test::Lent;

namespace {

constexpr Address address{"10.0.0.1:7"};
constexpr WriteMarks marks{.high_bytes = 20'000, .low_bytes = 5'000, .max_bytes = 64 * 1024 * 1024};

/// What both ends do at random: move, and read by small credits.
struct Wanderer : SocketHandler, Movable {
    void wander(TcpSocket& socket) {
        auto& worker = socket.worker();
        auto& reactor = worker.reactor();
        if (reactor.workers() < 2 || worker.random().below(6) != 0) return;
        const auto next = static_cast<unsigned>(worker.random().below(reactor.workers()));
        std::ignore = socket.detach([to = reactor.worker(next)](Detached<TcpSocket> moved) {
            auto arrive = [](Worker& here, Detached<TcpSocket> came) { here.adopt(std::move(came)); };
            std::ignore = to.post(arrive, std::move(moved));  // stopped: it dies, and closes
        });
    }
    void take_credit(TcpSocket& socket) {
        credit = 1 + socket.worker().random().below(30'000);
        socket.read_credit(credit);
    }
    void note_read(TcpSocket& socket, std::size_t bytes) {
        CHECK(bytes <= credit);  // never exceeded
        credit -= bytes;
        if (credit == 0) take_credit(socket);
    }
    void on_adopted(TcpSocket& socket) override { wander(socket); }
    std::size_t credit = 0;
};

struct Echo final : Wanderer {
    explicit Echo(TcpSocket& socket) {
        socket.marks(marks);
        socket.idle_timeout(60s);
        take_credit(socket);
    }
    void on_read(TcpSocket& socket, Slice piece) override {
        const auto bytes = piece.size();
        if (socket.write(std::move(piece)) == Sent::wait) socket.ready_to_read(false);
        note_read(socket, bytes);
        wander(socket);
    }
    void on_writable(TcpSocket& socket) override { socket.ready_to_read(true); }
};

/// What became of one client, wherever it was at the end.
struct Fate {
    std::uint64_t stream = 0, length = 0, sent = 0, got = 0;
    bool is_right = true, has_finished = false, has_ended = false;
    int closed = 0;
    Error error;
};

struct Talker final : Wanderer {
    explicit Talker(Fate& f) : fate(f), pattern(f.stream) {}
    void on_connected(TcpSocket& socket) override {
        socket.marks(marks);
        socket.idle_timeout(60s);
        take_credit(socket);
        pour(socket);
    }
    void on_writable(TcpSocket& socket) override { pour(socket); }
    void on_sent(TcpSocket& socket) override { wander(socket); }
    void on_read(TcpSocket& socket, Slice piece) override {
        fate.is_right = fate.is_right && pattern.is_at(fate.got, piece.text());
        fate.got += piece.size();
        note_read(socket, piece.size());
        wander(socket);
    }
    void on_end(TcpSocket& socket) override {
        fate.has_ended = true;
        socket.close();
    }
    void on_closed(TcpSocket&, Error error) override {
        ++fate.closed;
        fate.error = error;
    }
    void pour(TcpSocket& socket) {
        while (fate.sent < fate.length) {
            const auto count =
                std::min<std::uint64_t>(1 + socket.worker().random().below(9'000), fate.length - fate.sent);
            const auto answer = socket.write(Bytes(pattern.text(fate.sent, count)));
            if (!taken(answer)) return;  // it moves: and comes back here by on_adopted, or is closed
            fate.sent += count;
            if (answer == Sent::wait) return;
        }
        if (!std::exchange(fate.has_finished, true)) socket.finish();
    }
    void on_adopted(TcpSocket& socket) override {
        pour(socket);
        wander(socket);
    }
    Fate& fate;
    const test::Pattern pattern;
};

/// A server and clients, each a machine with several workers.
struct World {
    World(std::uint64_t seed, const Faults& faults)
        : sim(seed, faults),
          server(sim, {.workers = 1 + static_cast<unsigned>(sim.random().below(3))}),
          clients(sim, {.workers = 1 + static_cast<unsigned>(sim.random().below(3))}) {
        REQUIRE(server.start([](Worker& worker) {
            return worker.listen(address, [](TcpSocket& socket) { return std::make_unique<Echo>(socket); });
        }));
        REQUIRE(clients.start());
        fates.resize(1 + sim.random().below(5));
        for (std::size_t i = 0; i < fates.size(); ++i) {
            fates[i].stream = seed * 100 + i;
            fates[i].length =
                sim.random().below(4) == 0 ? sim.random().below(10) : sim.random().below(80'000);
            auto connect = [](Worker& worker, Lent<Fate> fate) {
                worker.connect(address, std::make_unique<Talker>(*fate)).idle_timeout(60s);
            };
            const auto index = static_cast<unsigned>(sim.random().below(clients.workers()));
            REQUIRE(clients.worker(index).post(connect, test::lent(fates[i])) == Posted::ok);
        }
    }
    std::size_t sockets() const {
        std::size_t out = 0;
        for (const auto* reactor : {&server, &clients})
            for (unsigned i = 0; i < reactor->workers(); ++i) out += reactor->status(i).sockets;
        return out;
    }
    std::vector<Fate> fates;  // outlive the handlers
    Simulation sim;
    Reactor server, clients;
};

void check_right(const World& world) {
    for (const auto& fate : world.fates) {
        CHECK(fate.is_right);
        CHECK(fate.got <= fate.sent);
    }
}

void check_whole(const World& world) {
    for (const auto& fate : world.fates) {
        CHECK(fate.got == fate.length);
        CHECK(fate.has_ended);
        CHECK(fate.closed == 1);
        INFO(fate.error.message());
        CHECK_FALSE(fate.error);
    }
}

}  // namespace

TEST_CASE("an echo whose ends move loses no byte when nothing breaks") {
    for (const auto seed : seeds(1000)) {
        CAPTURE(seed);
        World world(seed, test::without_breaks(test::draw_faults(seed)));
        world.sim.run_for(1h);
        check_right(world);
        check_whole(world);
        CHECK(world.sockets() == 0);
    }
}

TEST_CASE("an echo whose ends move gets no wrong byte when connections break, and none is left open") {
    for (const auto seed : seeds(1000)) {
        CAPTURE(seed);
        World world(seed, test::draw_faults(seed));
        world.sim.run_for(1h);
        check_right(world);
        for (const auto& fate : world.fates) CHECK(fate.closed == 1);
        CHECK(world.sockets() == 0);
    }
}

TEST_CASE("an echo that is stopped, cut off and reset in the middle gets no wrong byte") {
    for (const auto seed : seeds(1000)) {
        CAPTURE(seed);
        World world(seed, test::draw_faults(seed));
        auto& sim = world.sim;
        for (int i = 0; i < 5; ++i) {
            sim.run_for(std::chrono::microseconds(sim.random().below(20'000)));
            switch (sim.random().below(4)) {
                case 0: sim.reset(address); break;
                case 1: sim.cut(address, sim.address_of(address, 0)); break;
                default: break;
            }
        }
        if (sim.random().below(2) == 0) world.server.stop(std::chrono::milliseconds(sim.random().below(100)));
        sim.run_for(1h);
        check_right(world);
        for (const auto& fate : world.fates) CHECK(fate.closed == 1);
        world.clients.stop(0s);
    }
}
