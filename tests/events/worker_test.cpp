// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <memory>
#include <stdexcept>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

struct Silent final : SocketHandler {
    void on_read(TcpSocket&, Slice) override {}
};

}  // namespace

TEST_CASE("what on_drain throws ends its own socket, the others drain") {
    struct Throws final : SocketHandler {
        explicit Throws(Error* at) : error_at(at) {}
        void on_read(TcpSocket&, Slice) override {}
        void on_drain(TcpSocket&) override { throw std::runtime_error("on purpose"); }
        void on_closed(TcpSocket&, Error e) override { *error_at = e; }
        Error* error_at;
    };
    Simulation sim(1);
    auto& server = sim.add_host();
    Error thrown;
    REQUIRE(server.listen("10.0.0.1:1", [&](TcpSocket&) { return std::make_unique<Throws>(&thrown); }));
    REQUIRE(server.listen("10.0.0.1:2", [](TcpSocket&) { return std::make_unique<Silent>(); }));
    auto& client = sim.add_host();
    client.connect("10.0.0.1:2", std::make_unique<Silent>());
    client.connect("10.0.0.1:1", std::make_unique<Silent>());
    client.connect("10.0.0.1:2", std::make_unique<Silent>());
    sim.run_for(1s);
    REQUIRE(server.sockets() == 3);
    server.drain();
    sim.run_for(1s);
    CHECK(thrown == Error::os(EFAULT));
    CHECK(server.is_drained());
}

TEST_CASE("a frame that dies with its worker may spawn others: they run, and die as well") {
    struct Counted {
        explicit Counted(int* count) : at(count) { ++*at; }
        Counted(const Counted&) = delete;
        Counted& operator=(const Counted&) = delete;
        ~Counted() { --*at; }
        int* at;
    };
    static auto last_words = [](Worker& worker, int* alive, int* begun, bool waits) -> Task<> {
        const Counted mine(alive);
        ++*begun;
        if (waits) co_await worker.sleep(1h);
    };
    struct Spawns {
        Worker& worker;
        int *alive, *begun;
        ~Spawns() {
            worker.spawn(last_words(worker, alive, begun, false));
            worker.spawn(last_words(worker, alive, begun, true));
        }
    };
    int alive = 0, begun = 0;
    {
        Simulation sim(1);
        sim.spawn([&](Worker& worker) -> Task<> {
            const Spawns at_end{worker, &alive, &begun};
            co_await worker.sleep(1h);
        });
        sim.run_for(1s);
        CHECK(begun == 0);
    }
    CHECK(begun == 2);
    CHECK(alive == 0);
}

namespace {

/// Begins another connection when one ends, `left` times.
struct Again final : SocketHandler {
    Again(int l, bool a, int* b, int* c) : left(l), aborts(a), begun(b), closed(c) { ++*begun; }
    void on_read(TcpSocket&, Slice) override {}
    void on_closed(TcpSocket& socket, Error) override {
        ++*closed;
        if (left == 0) return;
        auto& next =
            socket.worker().connect("10.0.0.1:1", std::make_unique<Again>(left - 1, aborts, begun, closed));
        if (aborts) next.abort();
    }
    int left;
    bool aborts;
    int *begun, *closed;
};

}  // namespace

TEST_CASE("what on_closed connects while the worker ends is told its end too") {
    int begun = 0, closed = 0;
    {
        Simulation sim(1);
        sim.add_host().connect("10.0.0.1:1", std::make_unique<Again>(3, false, &begun, &closed));
    }
    CHECK(begun == 4);
    CHECK(closed == 4);
}

TEST_CASE("a connection that on_closed begins and that ends at once is told in the next turn, not in this") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    int begun = 0, closed = 0;
    {
        const core::Home::Entered entered(&worker);
        worker.connect("10.0.0.1:1", std::make_unique<Again>(4, true, &begun, &closed)).abort();
    }
    for (int turn = 1; turn <= 5; ++turn) {
        worker.turn(0ns);
        CHECK(closed == turn);
    }
    CHECK_FALSE(worker.has_work());
}
