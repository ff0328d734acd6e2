// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/accept_balance.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/shared_listener.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/loopback_client.hpp>

#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

struct Gauges {
    explicit Gauges(std::initializer_list<std::size_t> sockets) {
        for (const auto count : sockets) {
            all.push_back(std::make_unique<WorkerGauges>());
            all.back()->sockets = count;
        }
    }
    std::vector<WorkerGauges*> pointers() const {
        std::vector<WorkerGauges*> out;
        for (const auto& one : all) out.push_back(one.get());
        return out;
    }
    std::vector<std::unique_ptr<WorkerGauges>> all;
};

struct Echo final : SocketHandler, Movable {
    void on_read(TcpSocket& socket, Slice piece) override { std::ignore = socket.write(std::move(piece)); }
};

/// Listens on one port on each worker; the first chooses it.
Result<void> listen_together(Worker& worker, test::Lent<std::atomic<std::uint16_t>> port) {
    if (worker.index() > 0)
        while (*port == 0) std::this_thread::yield();
    auto listener = worker.open_listener(Address("127.0.0.1:0").with_port(*port),
                                         [](TcpSocket&) { return std::make_unique<Echo>(); });
    if (!listener) return fail(listener);
    *port = (*listener)->address().port();
    return {};
}

std::vector<std::size_t> held(const Reactor& reactor) {
    std::vector<std::size_t> out;
    for (unsigned i = 0; i < reactor.workers(); ++i) out.push_back(reactor.status(i).sockets);
    return out;
}

std::size_t all(const std::vector<std::size_t>& counts) {
    std::size_t out = 0;
    for (const auto count : counts) out += count;
    return out;
}

}  // namespace

TEST_CASE("a connection stays where it came in while its worker holds about as many as the others") {
    const Gauges gauges{5, 4, 4};
    AcceptBalance balance(gauges.pointers());
    CHECK(balance.place(0) == 0);
    CHECK(gauges.all[1]->coming == 0);
}

TEST_CASE("a worker that holds two more hands over, and what comes counts there until it arrives") {
    const Gauges gauges{6, 5, 4};
    AcceptBalance balance(gauges.pointers());
    CHECK(balance.place(0) == 2);
    CHECK(gauges.all[2]->coming == 1);
    CHECK(balance.place(0) == 0);  // 6, 5 and 5 now
    balance.arrived(2);
    CHECK(balance.place(0) == 2);
}

TEST_CASE("with many connections a sixteenth more of the mean is not clearly more") {
    const Gauges gauges{1060, 1000};
    AcceptBalance balance(gauges.pointers());
    CHECK(balance.place(0) == 0);
    gauges.all[0]->sockets = 1064;
    CHECK(balance.place(0) == 1);
}

TEST_CASE("64 connections are spread evenly over the workers, each time") {
    for (const unsigned workers : {2u, 4u, 8u}) {
        CAPTURE(workers);
        const auto mean = 64 / workers;
        const auto most_allowed = std::max<double>(1.15 * mean, mean + 1);
        for (int run = 0; run < 20; ++run) {
            std::atomic<std::uint16_t> port = 0;
            Reactor reactor({.workers = workers, .pin = false});
            REQUIRE(reactor.start(&listen_together, test::lent(port)));
            std::vector<std::unique_ptr<test::LoopbackClient>> clients;
            for (int i = 0; i < 64; ++i)
                clients.push_back(std::make_unique<test::LoopbackClient>(port.load()));
            for (auto& client : clients) {
                REQUIRE(client->send("x"));
                REQUIRE(client->receive() == "x");
            }
            const auto counts = held(reactor);
            CHECK(all(counts) == 64);
            CHECK(static_cast<double>(*std::ranges::max_element(counts)) <= most_allowed);
        }
    }
}

TEST_CASE("without balance nothing is handed over") {
    std::atomic<std::uint16_t> port = 0;
    struct Where {
        std::atomic<int> on[2] = {0, 0};
    } where;
    Reactor reactor({.workers = 2, .balance = false});
    REQUIRE(reactor.start(
        [](Worker& worker, test::Lent<std::atomic<std::uint16_t>> at,
           test::Lent<Where> counts) -> Result<void> {
            if (worker.index() == 0)
                return test::listen_on_loopback(worker, *at, [counts](TcpSocket& socket) {
                    ++counts->on[socket.worker().index()];
                    return std::make_unique<Echo>();
                });
            return {};
        },
        test::lent(port), test::lent(where)));
    std::vector<std::unique_ptr<test::LoopbackClient>> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(std::make_unique<test::LoopbackClient>(port.load()));
        REQUIRE(clients.back()->send("x"));
        REQUIRE(clients.back()->receive() == "x");
    }
    CHECK(where.on[0] == 10);
}

TEST_CASE("where the other worker does not listen, a connection comes back and is served") {
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor({.workers = 2});
    REQUIRE(reactor.start(
        [](Worker& worker, test::Lent<std::atomic<std::uint16_t>> at) -> Result<void> {
            if (worker.index() > 0) return {};
            return test::listen_on_loopback(worker, *at, [](TcpSocket&) { return std::make_unique<Echo>(); });
        },
        test::lent(port)));
    std::vector<std::unique_ptr<test::LoopbackClient>> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(std::make_unique<test::LoopbackClient>(port.load()));
        REQUIRE(clients.back()->send("x"));
        REQUIRE(clients.back()->receive() == "x");
    }
    CHECK(reactor.status(0).sockets == 20);
}

TEST_CASE("rebalance moves connections at rest to the workers that hold fewer") {
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor({.workers = 2, .balance = false});
    REQUIRE(reactor.start(
        [](Worker& worker, test::Lent<std::atomic<std::uint16_t>> at) -> Result<void> {
            if (worker.index() > 0) return {};
            return test::listen_on_loopback(worker, *at, [](TcpSocket&) { return std::make_unique<Echo>(); });
        },
        test::lent(port)));
    std::vector<std::unique_ptr<test::LoopbackClient>> clients;
    auto talk = [&] {
        for (auto& client : clients) {
            REQUIRE(client->send("x"));
            REQUIRE(client->receive() == "x");
        }
    };
    for (int i = 0; i < 40; ++i) clients.push_back(std::make_unique<test::LoopbackClient>(port.load()));
    talk();
    CHECK(reactor.rebalance() == 20);
    CHECK(test::comes([&] { return reactor.status(1).sockets == 20 && reactor.status(0).sockets == 20; }));
    talk();
    CHECK(reactor.rebalance() == 0);
}

TEST_CASE("what is not movable, or not at rest, stays where it is") {
    struct Fixed final : SocketHandler {
        void on_read(TcpSocket& socket, Slice piece) override {
            std::ignore = socket.write(std::move(piece));
        }
    };
    struct Busy final : SocketHandler, Movable {
        void on_read(TcpSocket& socket, Slice piece) override {
            std::ignore = socket.write(std::move(piece));
        }
        bool is_at_rest(const TcpSocket&) const override { return false; }
    };
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor({.workers = 2, .balance = false});
    REQUIRE(reactor.start(
        [](Worker& worker, test::Lent<std::atomic<std::uint16_t>> at) -> Result<void> {
            if (worker.index() > 0) return {};
            return test::listen_on_loopback(
                worker, *at, [fixed = true](TcpSocket&) mutable -> std::unique_ptr<SocketHandler> {
                    fixed = !fixed;
                    if (fixed) return std::make_unique<Fixed>();
                    return std::make_unique<Busy>();
                });
        },
        test::lent(port)));
    std::vector<std::unique_ptr<test::LoopbackClient>> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<test::LoopbackClient>(port.load()));
    auto talk = [&] {
        for (auto& client : clients) {
            REQUIRE(client->send("x"));
            REQUIRE(client->receive() == "x");
        }
    };
    talk();
    CHECK(reactor.rebalance() == 10);  // that many are asked for
    talk();
    CHECK(reactor.status(0).sockets == 20);
}
