// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/timer.hpp>

#include <atomic>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <support/loopback_client.hpp>

#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

struct Echo final : SocketHandler, Movable {
    void on_read(TcpSocket& socket, Slice piece) override {
        socket.ready_to_read(socket.write(std::move(piece)) == Sent::more);
    }
    void on_writable(TcpSocket& socket) override { socket.ready_to_read(true); }
};

std::atomic<int> wander_moves = 0;

/// Sends a text of its own seed, and checks that the same comes back.
struct Talker final : SocketHandler {
    Talker(std::size_t bytes, int* done, Error* error) : whole(bytes, '\0'), done_at(done), error_at(error) {
        for (std::size_t i = 0; i < bytes; ++i) whole[i] = static_cast<char>('a' + (i * 31 + i / 251) % 26);
    }
    void on_connected(TcpSocket& socket) override { socket.ready_to_write(true); }
    void on_writable(TcpSocket& socket) override {
        while (sent < whole.size()) {
            const auto count = std::min<std::size_t>(whole.size() - sent, 10'000);
            const auto answer = socket.write(Bytes(std::string_view(whole).substr(sent, count)));
            if (!taken(answer)) return;
            sent += count;
            if (answer == Sent::wait) return;
        }
        socket.ready_to_write(false);
        socket.finish();
    }
    void on_read(TcpSocket&, Slice piece) override { got += piece.text(); }
    void on_end(TcpSocket& socket) override {
        same = got == whole;
        socket.close();
    }
    void on_closed(TcpSocket&, Error error) override {
        if (same && !error) ++*done_at;
        *error_at = error;
    }
    std::string whole, got;
    std::size_t sent = 0;
    bool same = false;
    int* done_at;
    Error* error_at;
};

Result<void> echo_at(Worker& worker, const Address& address) {
    return worker.listen(address, [](TcpSocket&) { return std::make_unique<Echo>(); });
}

/// A reactor with an echo on a port of the system's choice.
struct EchoServer {
    explicit EchoServer(unsigned workers = 1) : reactor({.workers = workers}) {
        REQUIRE(reactor.start(
            [](Worker& worker, Box box) -> Result<void> {
                if (worker.index() != 0) return {};
                auto listener =
                    worker.open_listener("127.0.0.1:0", [](TcpSocket&) { return std::make_unique<Echo>(); });
                if (!listener) return fail(listener);
                box.port->store((*listener)->address().port());
                return {};
            },
            Box{&port}));
    }
    struct Box {
        std::atomic<std::uint16_t>* port;
        static constexpr bool sendable = true;
    };
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor;
};

}  // namespace

TEST_CASE("an echo over the simulated network gives back every byte, whatever the seed") {
    for (const auto seed : seeds(60)) {
        CAPTURE(seed);
        Simulation sim(seed, {.short_transfer = 0.5, .late = 0.5, .delay_max = 5ms});
        auto& server = sim.add_host();
        REQUIRE(echo_at(server, "10.0.0.1:7"));
        auto& client = sim.add_host();
        int done = 0;
        Error error;
        for (const std::size_t bytes : {std::size_t(1), std::size_t(20'000), std::size_t(300'000)})
            client.connect("10.0.0.1:7", std::make_unique<Talker>(bytes, &done, &error));
        sim.run_for(60s);
        CHECK(done == 3);
        CHECK(error.message() == "no error");
    }
}

TEST_CASE("a reset ends both sides with an error and leaks nothing") {
    int done = 0, closed = 0;
    for (const auto seed : seeds(60)) {
        CAPTURE(seed);
        Simulation sim(seed, {.short_transfer = 0.5, .reset = 0.05, .delay_max = 1ms});
        auto& server = sim.add_host();
        REQUIRE(echo_at(server, "10.0.0.1:7"));
        auto& client = sim.add_host();
        Error error;
        client.connect("10.0.0.1:7", std::make_unique<Talker>(100'000, &done, &error));
        sim.run_for(60s);
        closed += error ? 1 : 0;
        CHECK(client.sockets() == 0);
        CHECK(server.sockets() == 0);
    }
    CHECK(closed > 0);
    CHECK(closed + done == 60);
}

TEST_CASE("the same seed gives the same run") {
    auto trace = [](std::uint64_t seed) {
        Simulation sim(seed, {.short_transfer = 0.7, .late = 0.5, .delay_max = 3ms});
        auto& server = sim.add_host();
        std::ignore = echo_at(server, "10.0.0.1:7");
        auto& client = sim.add_host();
        int done = 0;
        Error error;
        client.connect("10.0.0.1:7", std::make_unique<Talker>(50'000, &done, &error));
        std::string out;
        for (int i = 0; i < 40; ++i) {
            sim.run_for(1ms);
            out += std::to_string(sim.random().word()) + " ";
        }
        return out;
    };
    CHECK(trace(4) == trace(4));
    CHECK(trace(4) != trace(5));
}

TEST_CASE("a refused connect, a dead address and an idle peer are told by on_closed") {
    Simulation sim(1);
    auto& client = sim.add_host();
    int done = 0;
    Error error;
    client.connect("10.0.0.9:1", std::make_unique<Talker>(1, &done, &error));
    sim.run_for(1s);
    CHECK(error == Error::os(ECONNREFUSED));

    struct Silent final : SocketHandler {
        explicit Silent(Error* at) : error_at(at) {}
        void on_read(TcpSocket&, Slice) override {}
        void on_closed(TcpSocket&, Error e) override { *error_at = e; }
        Error* error_at;
    };
    auto& server = sim.add_host();
    REQUIRE(server.listen("10.0.0.1:1", [&](TcpSocket& socket) {
        socket.idle_timeout(10s);
        return std::make_unique<Silent>(&error);
    }));
    Error other;
    client.connect("10.0.0.1:1", std::make_unique<Silent>(&other));
    sim.run_for(9s);
    CHECK(server.sockets() == 1);
    sim.run_for(2s);
    CHECK(error == Error::os(ETIMEDOUT));
    CHECK(other == Error::os(ECONNRESET));
}

TEST_CASE("the same echo runs on epoll, with many bytes and many connections") {
    EchoServer server;
    std::vector<std::thread> clients;
    std::atomic<int> same = 0;
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&, i] {
            test::LoopbackClient client(server.port);
            const std::string text(200'000, static_cast<char>('a' + i));
            std::thread writer([&] {
                client.send(text);
                client.finish();
            });
            if (client.receive_all() == text) ++same;
            writer.join();
        });
    for (auto& client : clients) client.join();
    CHECK(same == 8);
    const auto stopped = server.reactor.stop(5s);
    CHECK(stopped.cut == 0);
}

TEST_CASE("a stop lets go of idle connections at once and counts those that are cut") {
    struct Stubborn final : SocketHandler {
        void on_read(TcpSocket&, Slice) override {}
        void on_drain(TcpSocket&) override {}
    };
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor({.workers = 1});
    for (int round = 0; round < 2; ++round) {  // and may be started again
        REQUIRE(reactor.start(
            [](Worker& worker, EchoServer::Box box) -> Result<void> {
                auto listener = worker.open_listener("127.0.0.1:0",
                                                     [](TcpSocket&) { return std::make_unique<Stubborn>(); });
                box.port->store((*listener)->address().port());
                return {};
            },
            EchoServer::Box{&port}));
        test::LoopbackClient client(port);
        client.send("x");
        while (reactor.status(0).sockets == 0) std::this_thread::yield();
        const auto stopped = reactor.stop(50ms);
        CHECK(stopped.cut == 1);
        CHECK(stopped.drained == 0);
        CHECK(client.receive_all().empty());
    }
}

TEST_CASE("a slow reader makes write answer wait, then full, and nothing is lost") {
    Simulation sim(3);
    auto& server = sim.add_host();
    static const WriteMarks marks{.high_bytes = 10'000, .low_bytes = 2'000, .max_bytes = 20'000};
    struct Pour final : SocketHandler {
        Pour(TcpSocket& s, int* m, int* w) : socket(s), more(m), wait(w) {
            socket.marks(marks);
            socket.ready_to_write(true);
        }
        void on_read(TcpSocket&, Slice) override {}
        void on_writable(TcpSocket&) override {
            if (phase++ != 0) return;
            socket.ready_to_write(false);
            const std::string kilobyte(1'000, 'x');
            for (;;) switch (socket.write(Bytes(kilobyte))) {
                    case Sent::more: ++*more; break;
                    case Sent::wait: ++*wait; break;
                    case Sent::full: socket.close(); return;
                    default: FAIL("closed"); return;
                }
        }
        TcpSocket& socket;
        int phase = 0, *more, *wait;
    };
    int more = 0, wait = 0;
    REQUIRE(server.listen("10.0.0.1:1",
                          [&](TcpSocket& socket) { return std::make_unique<Pour>(socket, &more, &wait); }));
    struct Drink final : SocketHandler {
        void on_read(TcpSocket&, Slice piece) override { bytes += piece.size(); }
        void on_closed(TcpSocket&, Error e) override {
            *total = bytes;
            *failed = e;
        }
        std::size_t bytes = 0, *total;
        Error* failed;
    };
    std::size_t total = 0;
    Error failed;
    auto drink = std::make_unique<Drink>();
    drink->total = &total;
    drink->failed = &failed;
    auto& client = sim.add_host();
    client.connect("10.0.0.1:1", std::move(drink));
    sim.run_for(1ms);
    CHECK(more == 9);
    CHECK(wait == 11);
    sim.run_for(10s);
    CHECK(total == 20'000);
    CHECK_FALSE(failed);
}

TEST_CASE("close and abort are legal inside every callback") {
    for (int at = 0; at < 6; ++at)
        for (const bool aborts : {false, true}) {
            CAPTURE(at);
            CAPTURE(aborts);
            struct Ends final : SocketHandler {
                Ends(int a, bool b, int* c) : at(a), aborts(b), closed(c) {}
                void end(TcpSocket& socket, int here) {
                    if (here != at) return;
                    aborts ? socket.abort() : socket.close();
                }
                void on_connected(TcpSocket& s) override {
                    s.ready_to_write(true);
                    end(s, 0);
                }
                void on_read(TcpSocket& s, Slice) override { end(s, 1); }
                void on_writable(TcpSocket& s) override {
                    s.ready_to_write(false);
                    std::ignore = s.write(Bytes("hello"));
                    end(s, 2);
                }
                void on_end(TcpSocket& s) override {
                    end(s, 3);
                    s.close();
                }
                void on_drain(TcpSocket& s) override { end(s, 4); }
                void on_closed(TcpSocket& s, Error) override {
                    ++*closed;
                    end(s, 5);
                    CHECK_FALSE(taken(s.write(Bytes("late"))));
                }
                int at;
                bool aborts;
                int* closed;
            };
            Simulation sim(2);
            auto& server = sim.add_host();
            REQUIRE(echo_at(server, "10.0.0.1:7"));
            auto& client = sim.add_host();
            int closed = 0;
            auto& socket = client.connect("10.0.0.1:7", std::make_unique<Ends>(at, aborts, &closed));
            sim.run_for(1s);
            if (closed == 0) client.drain();
            sim.run_for(1s);
            if (closed == 0) {
                const core::Home::Entered entered(&client);
                socket.abort();
            }
            sim.run_for(10s);
            CHECK(closed == 1);
            CHECK(client.sockets() == 0);
            CHECK(server.sockets() == 0);
        }
}

TEST_CASE("a handler that throws ends its own socket, the others go on") {
    struct Throws final : SocketHandler {
        void on_read(TcpSocket&, Slice) override { throw std::runtime_error("on purpose"); }
    };
    Simulation sim(2);
    auto& server = sim.add_host();
    REQUIRE(server.listen("10.0.0.1:8", [](TcpSocket&) { return std::make_unique<Throws>(); }));
    REQUIRE(echo_at(server, "10.0.0.1:7"));
    auto& client = sim.add_host();
    int done = 0;
    Error bad, good;
    client.connect("10.0.0.1:8", std::make_unique<Talker>(10, &done, &bad));
    client.connect("10.0.0.1:7", std::make_unique<Talker>(10, &done, &good));
    sim.run_for(10s);
    CHECK(done == 1);
    CHECK(bad == Error::os(ECONNRESET));
    CHECK_FALSE(good);
}

TEST_CASE("a socket moves between workers under traffic and loses, repeats and reorders nothing") {
    struct Wander final : SocketHandler, Movable {
        void on_read(TcpSocket& socket, Slice piece) override {
            socket.ready_to_read(socket.write(std::move(piece)) == Sent::more);
            if (++reads % 3 == 0) move(socket);
        }
        void on_writable(TcpSocket& socket) override { socket.ready_to_read(true); }
        static void move(TcpSocket& socket) {
            auto& here = socket.worker();
            auto leaving = socket.detach([&here](Detached<TcpSocket> bundle) {
                auto adopt = [](Worker& there, Detached<TcpSocket> d) { there.adopt(std::move(d)); };
                const auto next = (here.index() + 1) % here.reactor().workers();
                if (here.reactor().worker(next).post(adopt, std::move(bundle)) != Posted::ok)
                    here.adopt(std::move(bundle));
            });
            CHECK(leaving.has_value());
        }
        void on_adopted(TcpSocket&) override { ++wander_moves; }
        int reads = 0;
    };
    Reactor reactor({.workers = 3});
    std::atomic<std::uint16_t> port = 0;
    REQUIRE(reactor.start(
        [](Worker& worker, EchoServer::Box box) -> Result<void> {
            if (worker.index() != 0) return {};
            auto listener =
                worker.open_listener("127.0.0.1:0", [](TcpSocket&) { return std::make_unique<Wander>(); });
            box.port->store((*listener)->address().port());
            return {};
        },
        EchoServer::Box{&port}));
    std::string text(3'000'000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + i / 256);
    test::LoopbackClient client(port);
    std::thread writer([&] {
        client.send(text);
        client.finish();
    });
    CHECK(client.receive_all() == text);
    writer.join();
    CHECK(wander_moves > 10);
}

TEST_CASE("what gave out a Remote stays, and a handler that is not Movable too") {
    Simulation sim(2);
    auto& server = sim.add_host();
    REQUIRE(echo_at(server, "10.0.0.1:7"));
    auto& client = sim.add_host();
    struct Fixed final : SocketHandler {
        void on_read(TcpSocket&, Slice) override {}
    };
    auto& fixed = client.connect("10.0.0.1:7", std::make_unique<Fixed>());
    auto& movable = client.connect("10.0.0.1:7", std::make_unique<Echo>());
    sim.run_for(1s);
    const core::Home::Entered entered(&client);
    CHECK(fixed.detach([](Detached<TcpSocket>) {}).error() == Error::os(ENOTSUP));
    const auto remote = movable.remote();
    CHECK(movable.detach([](Detached<TcpSocket>) {}).error() == Error::os(EBUSY));
    CHECK(remote.here() == &movable);
    movable.abort();
    fixed.abort();
}

TEST_CASE("an end that has come before the worker looks at its connect is told") {
    struct Shared {
        test::LoopbackServer server;
        std::string text;
        std::atomic<bool> ended = false, closed = false;
    } shared;
    struct Reads final : SocketHandler {
        explicit Reads(Shared& s) : at(s) {}
        void on_read(TcpSocket&, Slice piece) override { at.text += piece.text(); }
        void on_end(TcpSocket& socket) override {
            at.ended = true;
            socket.close();
        }
        void on_closed(TcpSocket&, Error) override { at.closed = true; }
        Shared& at;
    };
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(
        [](Worker& worker, test::Lent<Shared> at) {
            worker.connect(at->server.address(), std::make_unique<Reads>(*at));
            at->server.greet("hello");
            at->server.leave();
        },
        test::lent(shared)));
    CHECK(test::comes([&] { return shared.closed.load(); }));
    CHECK(shared.ended);
    CHECK(shared.text == "hello");
}

TEST_CASE("a socket that is detached in on_connected takes along what has come already") {
    struct Shared {
        test::LoopbackServer server;
        std::string text;
        std::atomic<bool> moved = false, ended = false;
    } shared;
    struct Leaves final : SocketHandler, Movable {
        explicit Leaves(Shared& s) : at(s) {}
        void on_connected(TcpSocket& socket) override {
            auto& here = socket.worker();
            at.moved = socket
                           .detach([&here](Detached<TcpSocket> bundle) {
                               std::ignore = here.reactor().worker(1).post(
                                   [](Worker& there, Detached<TcpSocket> d) { there.adopt(std::move(d)); },
                                   std::move(bundle));
                           })
                           .has_value();
            at.server.leave();
        }
        void on_read(TcpSocket&, Slice piece) override { at.text += piece.text(); }
        void on_end(TcpSocket& socket) override {
            at.ended = true;
            socket.close();
        }
        Shared& at;
    };
    Reactor reactor({.workers = 2});
    REQUIRE(reactor.start(
        [](Worker& worker, test::Lent<Shared> at) {
            if (worker.index() != 0) return;
            worker.connect(at->server.address(), std::make_unique<Leaves>(*at));
            at->server.greet("220 hello");
        },
        test::lent(shared)));
    CHECK(test::comes([&] { return shared.ended.load(); }));
    CHECK(shared.moved);
    CHECK(shared.text == "220 hello");
}

TEST_CASE("a socket that is aborted while it leaves stays, and is told its end") {
    struct Aborts final : SocketHandler, Movable {
        Aborts(int* l, int* c) : left(l), closed(c) {}
        void on_read(TcpSocket&, Slice) override {}
        void on_connected(TcpSocket& socket) override {
            CHECK(socket.detach([at = left](Detached<TcpSocket>) { ++*at; }));
            socket.abort();
        }
        void on_closed(TcpSocket&, Error e) override {
            ++*closed;
            CHECK(e == Error::os(ECONNABORTED));
        }
        int *left, *closed;
    };
    Simulation sim(1);
    REQUIRE(echo_at(sim.add_host(), "10.0.0.1:7"));
    int left = 0, closed = 0;
    sim.add_host().connect("10.0.0.1:7", std::make_unique<Aborts>(&left, &closed));
    sim.run_for(1s);
    CHECK(left == 0);
    CHECK(closed == 1);
}

TEST_CASE("a peer that reads nothing does not keep a closed socket, whatever it sends") {
    struct Pours final : SocketHandler {
        explicit Pours(Error* at) : error_at(at) {}
        void on_read(TcpSocket& socket, Slice) override {
            std::ignore = socket.write(Bytes(std::string(1'000'000, 'x')));
            socket.close();
        }
        void on_closed(TcpSocket&, Error e) override { *error_at = e; }
        Error* error_at;
    };
    struct Drips final : SocketHandler {
        void on_connected(TcpSocket& socket) override {
            socket.ready_to_read(false);
            every = std::make_unique<Timer>(socket.worker(),
                                            [&socket] { std::ignore = socket.write(Bytes("x")); });
            every->arm_every(1s);
        }
        void on_read(TcpSocket&, Slice) override {}
        std::unique_ptr<Timer> every;
    };
    Simulation sim(1);
    auto& server = sim.add_host();
    Error error;
    REQUIRE(server.listen("10.0.0.1:1", [&](TcpSocket&) { return std::make_unique<Pours>(&error); }));
    sim.add_host().connect("10.0.0.1:1", std::make_unique<Drips>());
    sim.run_for(2s);
    CHECK(server.sockets() == 1);
    sim.run_for(10s);
    CHECK(server.sockets() == 0);
    CHECK(error == Error::os(ETIMEDOUT));
}

namespace {

/// Of all handlers of one run.
struct Fates {
    core::Random& random;
    long begun = 0, closed = 0, left = 0, late = 0;
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(random.below(end)); }
};

/// Does something at random in each callback.
struct Erratic final : SocketHandler, Movable {
    explicit Erratic(Fates& f) : fates(f) { ++fates.begun; }
    void act(TcpSocket& socket) {
        if (has_closed) ++fates.late;
        for (int i = 0; i < 2; ++i) switch (fates.below(16)) {
                case 0: socket.close(); break;
                case 1: socket.abort(); break;
                case 2: socket.finish(); break;
                case 3: std::ignore = socket.write(Bytes("some")); break;
                case 4: std::ignore = socket.write(Bytes(std::string(fates.below(300'000), 'z'))); break;
                case 5: socket.ready_to_read(false); break;
                case 6: socket.ready_to_read(true); break;
                case 7: socket.read_credit(fates.below(5'000)); break;
                case 8: socket.ready_to_write(fates.below(4) == 0); break;
                case 9: socket.idle_timeout(std::chrono::milliseconds(fates.below(30))); break;
                case 10: leave(socket); break;
                case 11: std::ignore = fates.below(3) == 0 ? socket.remote() : Remote<TcpSocket>(); break;
                default: break;
            }
    }
    void leave(TcpSocket& socket) {
        std::ignore = socket.detach([&worker = socket.worker(), &all = fates](Detached<TcpSocket> bundle) {
            if (all.below(4) != 0)
                worker.adopt(std::move(bundle));
            else
                ++all.left;
        });
    }
    void on_connected(TcpSocket& socket) override {
        std::ignore = socket.write(Bytes("hello"));
        act(socket);
    }
    void on_read(TcpSocket& socket, Slice piece) override {
        if (fates.below(2) == 0) std::ignore = socket.write(std::move(piece));
        act(socket);
    }
    void on_writable(TcpSocket& socket) override { act(socket); }
    void on_sent(TcpSocket& socket) override { act(socket); }
    void on_end(TcpSocket& socket) override {
        if (fates.below(2) == 0) socket.close();
        act(socket);
    }
    void on_drain(TcpSocket& socket) override { act(socket); }
    void on_adopted(TcpSocket& socket) override { act(socket); }
    void on_closed(TcpSocket& socket, Error) override {
        ++fates.closed;
        act(socket);
        has_closed = true;
    }
    Fates& fates;
    bool has_closed = false;
};

}  // namespace

TEST_CASE("whatever handlers do in whatever callback, each is told its end once, or leaves") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        core::SeededRandom random(seed);
        Fates fates{random};
        {
            Simulation sim(seed, {.short_transfer = 0.3, .late = 0.5, .reset = 0.01, .delay_max = 1ms});
            auto& server = sim.add_host();
            REQUIRE(server.listen("10.0.0.1:1", [&](TcpSocket& socket) {
                auto handler = std::make_unique<Erratic>(fates);
                if (fates.below(20) == 0) socket.abort();
                return handler;
            }));
            auto& client = sim.add_host();
            for (int i = 0; i < 30; ++i) {
                for (int k = 0; k < 2; ++k)
                    client.connect("10.0.0.1:1", std::make_unique<Erratic>(fates)).idle_timeout(200ms);
                sim.run_for(std::chrono::milliseconds(fates.below(10)));
                if (i == 25) server.drain();
            }
            sim.run_for(100ms);
        }
        CHECK(fates.closed + fates.left == fates.begun);
        CHECK(fates.late == 0);
    }
}
