// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/shared_listener.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/timer.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <support/loopback_client.hpp>
#include <support/temporary_folder.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hand_worker.hpp"
#include "late_backend.hpp"
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
    Error other = Error::os(EINPROGRESS);
    client.connect("10.0.0.1:1", std::make_unique<Silent>(&other));
    sim.run_for(9s);
    CHECK(server.sockets() == 1);
    sim.run_for(2s);
    CHECK(error == Error::os(ETIMEDOUT));
    CHECK_FALSE(other);  // it ended in order
    CHECK(client.sockets() == 0);
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

// Below, one side of each connection is the test's own, and time is the test's.

namespace {

struct Told {
    std::string text;
    int connected = 0, writable = 0, sent = 0, ends = 0, adopted = 0, closed = 0, died = 0;
    Error error = Error::os(EINPROGRESS);  // until it is closed
    std::function<void(TcpSocket&)> on_connected, on_read, on_writable, on_end, on_adopted, on_drain;
};

struct Tells final : SocketHandler, Movable {
    explicit Tells(Told& t) : told(t) {}
    ~Tells() override { ++told.died; }
    void on_connected(TcpSocket& socket) override {
        ++told.connected;
        if (told.on_connected) told.on_connected(socket);
    }
    void on_read(TcpSocket& socket, Slice piece) override {
        CHECK_FALSE(piece.empty());
        told.text += piece.text();
        if (told.on_read) told.on_read(socket);
    }
    void on_writable(TcpSocket& socket) override {
        ++told.writable;
        if (told.on_writable) told.on_writable(socket);
    }
    void on_sent(TcpSocket&) override { ++told.sent; }
    void on_end(TcpSocket& socket) override {
        ++told.ends;
        told.on_end ? told.on_end(socket) : socket.close();
    }
    void on_drain(TcpSocket& socket) override { told.on_drain ? told.on_drain(socket) : socket.close(); }
    void on_adopted(TcpSocket& socket) override {
        ++told.adopted;
        if (told.on_adopted) told.on_adopted(socket);
    }
    void on_closed(TcpSocket&, Error e) override {
        CHECK(told.died == 0);
        ++told.closed;
        told.error = e;
    }
    Told& told;
};

/// A unix socket at which the test listens and accepts, without waiting.
class Site {
public:
    Site() : path_(folder_.file("socket")), listening_(::socket(AF_UNIX, flags, 0), Descriptor::Kind::other) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, path_.data(), path_.size());
        REQUIRE(::bind(listening_.number(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
        REQUIRE(::listen(listening_.number(), 16) == 0);
    }
    const std::string& path() const { return path_; }
    Descriptor accept() const {
        Descriptor out(::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC),
                       Descriptor::Kind::other);
        REQUIRE(out);
        return out;
    }

private:
    static constexpr int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    test::TemporaryFolder folder_;
    std::string path_;
    Descriptor listening_;
};

void put(const Descriptor& peer, std::string_view text) {
    REQUIRE(::send(peer.number(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
}
/// What is there; `ended`: and then the end.
std::string take(const Descriptor& peer, bool* ended = nullptr) {
    std::string out;
    std::array<char, 65'536> room;
    ssize_t got;
    while ((got = ::recv(peer.number(), room.data(), room.size(), 0)) > 0)
        out.append(room.data(), static_cast<std::size_t>(got));
    if (ended != nullptr) *ended = got == 0;
    return out;
}

/// A connection of a worker's to the test, on the test's time.
struct Line {
    explicit Line(bool is_late = false)
        : worker({.backend = is_late ? test::late_backend() : test::system_backend(), .clock = &clock}),
          socket(worker->connect_unix(site.path(), std::make_unique<Tells>(told))),
          peer(site.accept()) {
        REQUIRE(worker.turn_until([&] { return told.connected == 1; }));
        REQUIRE(worker.comes_to_rest());
    }
    /// Lets time pass; false: the socket is closed.
    bool lives_for(std::chrono::nanoseconds time) {
        clock.pass(time);
        for (int turns = 0; turns < 3; ++turns) worker.turn();
        return told.closed == 0;
    }
    template <class F>
    void on_worker(F f) {
        const auto entered = worker.enter();
        f();
    }
    void rest() { REQUIRE(worker.comes_to_rest()); }

    test::HandClock clock;
    Site site;
    Told told;
    test::HandWorker worker;
    TcpSocket& socket;
    Descriptor peer;
};

/// A connect that never completes.
struct Connecting {
    Connecting() : Connecting(test::late_backend()) {}
    explicit Connecting(std::unique_ptr<Backend> backend)
        : held(*static_cast<test::LateBackend*>(backend.get())),
          worker({.backend = std::move(backend), .clock = &clock}) {
        held.holds_operations = true;
    }
    TcpSocket& begin(Told& told) { return worker->connect("127.0.0.1:9", std::make_unique<Tells>(told)); }
    void pass(std::chrono::nanoseconds time) {
        clock.pass(time);
        for (int turns = 0; turns < 3; ++turns) worker.turn();
    }
    test::HandClock clock;
    test::LateBackend& held;
    test::HandWorker worker;
};

}  // namespace

TEST_CASE("a connect ends by its own limit, else by that for idleness, else never") {
    Told own, idle, both, longer, undone, never;
    Connecting site;
    site.begin(own).connect_timeout(5s);
    site.begin(idle).idle_timeout(3s);
    auto& first = site.begin(both);
    first.idle_timeout(1s);
    first.connect_timeout(5s);
    auto& second = site.begin(longer);  // whichever was set first
    second.connect_timeout(10s);
    second.idle_timeout(1s);
    auto& third = site.begin(undone);
    third.idle_timeout(2s);
    third.connect_timeout(1h);
    third.connect_timeout(0s);
    site.begin(never);
    auto closed = [&] {
        return std::array{own.closed, idle.closed, both.closed, longer.closed, undone.closed};
    };
    site.pass(1'999ms);
    CHECK(closed() == std::array{0, 0, 0, 0, 0});
    site.pass(10ms);
    CHECK(closed() == std::array{0, 0, 0, 0, 1});
    site.pass(980ms);
    CHECK(closed() == std::array{0, 0, 0, 0, 1});
    site.pass(20ms);
    CHECK(closed() == std::array{0, 1, 0, 0, 1});
    site.pass(1'980ms);
    CHECK(closed() == std::array{0, 1, 0, 0, 1});
    site.pass(20ms);
    CHECK(closed() == std::array{1, 1, 1, 0, 1});
    site.pass(4'980ms);
    CHECK(longer.closed == 0);
    site.pass(20ms);
    CHECK(closed() == std::array{1, 1, 1, 1, 1});
    for (const auto* one : {&own, &idle, &both, &longer, &undone}) {
        CHECK(one->error == Error::os(ETIMEDOUT));
        CHECK(one->connected == 0);
    }
    site.pass(24h * 100);
    CHECK(never.closed == 0);
}

TEST_CASE("a connect in time is not ended by its limit later, and idleness counts from there") {
    const test::LoopbackServer server;
    Told told;
    Connecting site;
    auto& socket = site.worker->connect(server.address(), std::make_unique<Tells>(told));
    socket.connect_timeout(5s);
    socket.idle_timeout(10s);
    site.pass(4s);
    CHECK(told.connected == 0);
    site.held.holds_operations = false;
    REQUIRE(site.worker.turn_until([&] { return told.connected == 1; }));
    socket.connect_timeout(1s);  // too late to matter
    site.pass(9'990ms);
    CHECK(told.closed == 0);
    site.pass(20ms);
    CHECK(told.closed == 1);
    CHECK(told.error == Error::os(ETIMEDOUT));
}

TEST_CASE("an idle socket ends when nothing came or went for so long, either way") {
    Line line;
    line.on_worker([&] { line.socket.idle_timeout(10s); });
    CHECK(line.lives_for(9s));
    put(line.peer, "x");
    REQUIRE(line.worker.turn_until([&] { return line.told.text == "x"; }));
    CHECK(line.lives_for(9s));
    line.on_worker([&] { CHECK(line.socket.write(Bytes("y")) == Sent::more); });
    line.rest();
    CHECK(take(line.peer) == "y");
    CHECK(line.lives_for(9s));
    CHECK(line.lives_for(990ms));
    CHECK_FALSE(line.lives_for(20ms));
    CHECK(line.told.error == Error::os(ETIMEDOUT));
    bool ended = false;
    CHECK(take(line.peer, &ended).empty());
}

TEST_CASE("the peer of a socket that was idle sees its end, or a reset when something is unsent") {
    for (const bool is_behind : {false, true}) {
        CAPTURE(is_behind);
        const std::string much(4'000'000, 'x');
        Told served, asked;
        Simulation sim(1);
        auto& server = sim.add_host();
        auto& client = sim.add_host();
        REQUIRE(server.listen("10.0.0.1:1", [&](TcpSocket& socket) {
            socket.idle_timeout(10s);
            if (is_behind) std::ignore = socket.write(Bytes(much));
            return std::make_unique<Tells>(served);
        }));
        client.connect("10.0.0.1:1", std::make_unique<Tells>(asked)).ready_to_read(!is_behind);
        sim.run_for(5s);
        CHECK(served.closed == 0);
        sim.run_for(20s);
        CHECK(served.closed == 1);
        CHECK(served.error == Error::os(ETIMEDOUT));
        CHECK(asked.ends == (is_behind ? 0 : 1));
    }
}

TEST_CASE("a limit that is set to zero is none any more, and one that is set later counts what has passed") {
    Line line;
    line.on_worker([&] { line.socket.idle_timeout(10s); });
    CHECK(line.lives_for(9s));
    line.on_worker([&] { line.socket.idle_timeout(0s); });
    CHECK(line.lives_for(24h));
    line.on_worker([&] { line.socket.idle_timeout(48h); });
    CHECK(line.lives_for(23h));
    CHECK_FALSE(line.lives_for(2h));
}

TEST_CASE("a peer that takes nothing of what is queued ends its socket, one that takes a little does not") {
    Line line;
    const std::string much(3'000'000, 'x');
    line.on_worker([&] {
        line.socket.write_timeout(5s);
        line.socket.idle_timeout(1h);
    });
    CHECK(line.lives_for(50s));  // nothing is queued
    line.on_worker([&] { CHECK(line.socket.write(Bytes(much)) == Sent::wait); });
    line.rest();
    std::size_t got = 0;
    for (int round = 0; round < 4; ++round) {
        CHECK(line.lives_for(4s));
        const auto before = line.socket.unsent_bytes();
        got += take(line.peer).size();
        REQUIRE(line.worker.turn_until([&] { return line.socket.unsent_bytes() < before; }));
        line.rest();
    }
    CHECK(got > 0);
    CHECK(line.lives_for(4'990ms));
    CHECK_FALSE(line.lives_for(20ms));
    CHECK(line.told.error == Error::os(ETIMEDOUT));
}

TEST_CASE("what comes does not keep a peer that takes nothing, and what it takes whole leaves no limit") {
    Line line;
    line.on_worker([&] {
        line.socket.write_timeout(5s);
        CHECK(line.socket.write(Bytes("little")) == Sent::more);
    });
    line.rest();
    CHECK(line.lives_for(50s));  // the system has taken it
    line.on_worker([&] { CHECK(line.socket.write(Bytes(std::string(3'000'000, 'x'))) == Sent::wait); });
    line.rest();
    for (int round = 0; round < 2; ++round) {
        CHECK(line.lives_for(2s));
        put(line.peer, "hello");
        line.rest();
        line.on_worker(
            [&] { CHECK(line.socket.write(Bytes("more")) == Sent::wait); });  // nor does what we add
    }
    CHECK_FALSE(line.lives_for(1'010ms));
    CHECK(line.told.error == Error::os(ETIMEDOUT));
}

TEST_CASE("of an idle and a write limit the first one ends the socket") {
    for (const bool is_idle_first : {false, true}) {
        CAPTURE(is_idle_first);
        Line line;
        line.on_worker([&] {
            line.socket.idle_timeout(is_idle_first ? 3s : 6s);
            line.socket.write_timeout(is_idle_first ? 6s : 3s);
            CHECK(line.socket.write(Bytes(std::string(3'000'000, 'x'))) == Sent::wait);
        });
        line.rest();
        CHECK(line.lives_for(2'990ms));
        CHECK_FALSE(line.lives_for(20ms));
        CHECK(line.told.error == Error::os(ETIMEDOUT));
    }
}

TEST_CASE("times are rounded up to milliseconds, never early, and are time_max at most") {
    {
        Line line;
        line.clock.pass(900us);  // in the middle of one
        line.worker.turn();
        put(line.peer, "x");
        REQUIRE(line.worker.turn_until([&] { return line.told.text == "x"; }));
        line.on_worker([&] { line.socket.idle_timeout(1ns); });
        CHECK(line.lives_for(1ms));
        CHECK_FALSE(line.lives_for(2ms));
    }
    {
        Line line;
        line.on_worker([&] { line.socket.idle_timeout(1'000'001ns); });  // two
        CHECK(line.lives_for(2ms));
        CHECK_FALSE(line.lives_for(2ms));
    }
    for (const std::chrono::nanoseconds time :
         {std::chrono::nanoseconds(TcpSocket::time_max), std::chrono::nanoseconds::max()}) {
        Line line;
        line.on_worker([&] { line.socket.idle_timeout(time); });
        CHECK(line.lives_for(TcpSocket::time_max - 1h));
        CHECK(line.lives_for(1h));
        CHECK_FALSE(line.lives_for(10ms));
    }
}

TEST_CASE("a closed socket lingers while its peer takes more, and again when its end is sent") {
    Line line;
    const std::string much(2'000'000, 'x');
    line.on_worker([&] {
        CHECK(line.socket.write(Bytes(much)) == Sent::wait);
        line.socket.close();
        CHECK(line.socket.write(Bytes("late")) == Sent::closed);
    });
    line.rest();
    std::size_t got = 0;
    bool ended = false;
    int rounds = 0;
    while (!ended) {
        CHECK(line.lives_for(1'900ms));
        got += take(line.peer, &ended).size();
        line.rest();
        REQUIRE(++rounds < 100);
    }
    CHECK(rounds > 2);
    CHECK(got == much.size());
    put(line.peer, "dropped");
    CHECK(line.lives_for(90ms));  // two seconds since its end went out, which was 1.9 s before it was seen
    CHECK(line.told.text.empty());
    CHECK_FALSE(line.lives_for(20ms));
    CHECK_FALSE(line.told.error);
}

TEST_CASE("the time to linger begins anew when our end is sent") {
    auto backend = test::late_backend();
    auto& held = *static_cast<test::LateBackend*>(backend.get());
    test::HandClock clock;
    Site site;
    Told told;
    test::HandWorker worker({.backend = std::move(backend), .clock = &clock});
    auto& socket = worker->connect_unix(site.path(), std::make_unique<Tells>(told));
    const auto peer = site.accept();
    REQUIRE(worker.turn_until([&] { return told.connected == 1; }));
    held.holds_operations = true;
    {
        const auto entered = worker.enter();
        CHECK(socket.write(Bytes("last")) == Sent::more);
        socket.close();
    }
    worker.turn();
    auto lives_for = [&](std::chrono::nanoseconds time) {
        clock.pass(time);
        for (int turns = 0; turns < 3; ++turns) worker.turn();
        return told.closed == 0;
    };
    CHECK(lives_for(1'990ms));
    held.holds_operations = false;
    CHECK(lives_for(0s));
    bool ended = false;
    CHECK(take(peer, &ended) == "last");
    CHECK(ended);
    CHECK(lives_for(1'990ms));
    CHECK_FALSE(lives_for(20ms));
    CHECK_FALSE(told.error);
}

TEST_CASE("a socket that is closed and whose peer takes nothing more times out") {
    Line line;
    line.on_worker([&] {
        CHECK(line.socket.write(Bytes(std::string(3'000'000, 'x'))) == Sent::wait);
        line.socket.close();
    });
    line.rest();
    CHECK(line.lives_for(1'990ms));
    CHECK_FALSE(line.lives_for(20ms));
    CHECK(line.told.error == Error::os(ETIMEDOUT));
}

TEST_CASE("a closed socket ends at once when its peer's end has come") {
    for (const bool is_before : {false, true}) {
        CAPTURE(is_before);
        Line line;
        line.told.on_end = [](TcpSocket&) {};
        if (is_before) {
            REQUIRE(::shutdown(line.peer.number(), SHUT_WR) == 0);
            REQUIRE(line.worker.turn_until([&] { return line.told.ends == 1; }));
        }
        line.on_worker([&] {
            CHECK(line.socket.write(Bytes("last")) == Sent::more);
            line.socket.close();
        });
        line.rest();
        CHECK(line.told.closed == (is_before ? 1 : 0));
        bool ended = false;
        CHECK(take(line.peer, &ended) == "last");
        CHECK(ended);
        line.peer.close();
        CHECK(line.worker.turn_until([&] { return line.told.closed == 1; }));
        CHECK_FALSE(line.told.error);
        CHECK(line.told.ends == (is_before ? 1 : 0));
    }
}

TEST_CASE("finish ends our direction behind what is queued, and the other goes on") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        Line line(is_late);
        line.on_worker([&] {
            CHECK(line.socket.write(Bytes(std::string(600'000, 'x'))) == Sent::wait);
            line.socket.finish();
            line.socket.finish();
            CHECK(line.socket.write(Bytes("late")) == Sent::closed);
            CHECK_FALSE(line.socket.is_closing());
        });
        std::size_t got = 0;
        bool ended = false;
        REQUIRE(line.worker.turn_until([&] {
            got += take(line.peer, &ended).size();
            return ended;
        }));
        CHECK(got == 600'000);
        for (const char* text : {"still ", "here"}) {
            put(line.peer, text);
            line.rest();
        }
        CHECK(line.worker.turn_until([&] { return line.told.text == "still here"; }));
        CHECK(line.lives_for(24h));
        CHECK(line.told.ends == 0);
        line.peer.close();
        CHECK(line.worker.turn_until([&] { return line.told.closed == 1; }));
        CHECK(line.told.ends == 1);
        CHECK_FALSE(line.told.error);
    }
}

TEST_CASE("when the peer has finished its direction, ours is open until it is closed") {
    Line line;
    line.told.on_end = [](TcpSocket&) {};
    put(line.peer, "question");
    REQUIRE(::shutdown(line.peer.number(), SHUT_WR) == 0);
    REQUIRE(line.worker.turn_until([&] { return line.told.ends == 1; }));
    CHECK(line.told.text == "question");
    CHECK(line.lives_for(24h));
    line.on_worker([&] { CHECK(line.socket.write(Bytes("answer")) == Sent::more); });
    line.rest();
    CHECK(take(line.peer) == "answer");
    line.on_worker([&] { line.socket.finish(); });
    line.rest();
    bool ended = false;
    CHECK(take(line.peer, &ended).empty());
    CHECK(ended);
    CHECK(line.told.closed == 0);
    line.on_worker([&] { line.socket.close(); });
    CHECK(line.worker.turn_until([&] { return line.told.closed == 1; }));
    CHECK_FALSE(line.told.error);
    CHECK(line.told.ends == 1);
}

namespace {

constexpr WriteMarks tight{.high_bytes = 1'000, .low_bytes = 400, .max_bytes = 2'000};

}  // namespace

TEST_CASE("write answers by its marks, to the byte, and takes one piece always") {
    Line line;
    line.on_worker([&] {
        auto write = [&](std::size_t bytes) { return line.socket.write(Bytes(std::string(bytes, 'x'))); };
        line.socket.marks(tight);
        CHECK(write(0) == Sent::more);
        CHECK(write(999) == Sent::more);
        CHECK(write(1) == Sent::wait);
        CHECK(write(1'000) == Sent::wait);
        CHECK(line.socket.unsent_bytes() == 2'000);
        CHECK(write(1) == Sent::full);
        CHECK(line.socket.unsent_bytes() == 2'000);
    });
    line.rest();
    CHECK(line.told.writable == 1);
    CHECK(line.told.sent == 1);
    CHECK(line.socket.bytes_out() == 2'000);
    line.on_worker([&] {
        CHECK(line.socket.write(Bytes(std::string(5'000, 'y'))) == Sent::wait);
        CHECK(line.socket.write(Bytes("z")) == Sent::full);
    });
    line.rest();
    CHECK(line.told.writable == 2);
    line.on_worker([&] { CHECK(line.socket.write(Bytes(std::string(999, 'z'))) == Sent::more); });
    line.rest();
    CHECK(line.told.writable == 2);  // nobody was told to wait
    const bool is_same =
        take(line.peer) == std::string(2'000, 'x') + std::string(5'000, 'y') + std::string(999, 'z');
    CHECK(is_same);
}

TEST_CASE("on_writable comes at the low mark, and not above") {
    for (const std::size_t left : {400u, 401u}) {
        CAPTURE(left);
        auto backend = test::late_backend();
        auto& held = *static_cast<test::LateBackend*>(backend.get());
        Site site;
        Told told;
        test::HandWorker worker({.backend = std::move(backend)});
        auto& socket = worker->connect_unix(site.path(), std::make_unique<Tells>(told));
        const auto peer = site.accept();
        REQUIRE(worker.turn_until([&] { return told.connected == 1; }));
        socket.marks(tight);
        held.holds_operations = true;
        {
            const auto entered = worker.enter();
            CHECK(socket.write(Bytes(std::string(1'000, 'x'))) == Sent::wait);
            worker.turn();
            CHECK(socket.write(Bytes(std::string(left, 'y'))) == Sent::wait);
        }
        worker.turn();
        held.holds_operations = false;
        worker.turn();  // the thousand are gone
        CHECK(socket.unsent_bytes() == left);
        CHECK(told.writable == (left == 400 ? 1 : 0));
        CHECK(worker.comes_to_rest());
        CHECK(told.writable == 1);
        const auto entered = worker.enter();
        socket.abort();
    }
}

TEST_CASE("who is ready to write is called while there is room, and not when it no longer is") {
    Line line;
    line.told.on_writable = [](TcpSocket& socket) {
        CHECK(socket.unsent_bytes() <= 400);
        std::ignore = socket.write(Bytes(std::string(900, 'x')));
    };
    line.on_worker([&] {
        line.socket.marks(tight);
        line.socket.ready_to_write(true);
    });
    for (int turns = 0; turns < 5; ++turns) line.worker.turn();
    CHECK(line.told.writable >= 3);
    line.on_worker([&] { line.socket.ready_to_write(false); });
    const auto before = line.told.writable;
    line.rest();
    CHECK(line.told.writable == before);
    CHECK(take(line.peer).size() == static_cast<std::size_t>(before) * 900);
}

TEST_CASE("a unix stream carries much, both ways and on several connections, through all workers") {
    const test::TemporaryFolder folder;
    const auto name = "@penstock-echo-" + std::to_string(::getpid());
    for (const auto& path : {folder.file("socket"), name}) {
        CAPTURE(path);
        struct Talks {
            std::string path;
            int done = 0;
            std::array<Error, 3> errors;
            std::atomic<int> closed = 0;
        } talks;
        struct Counting final : SocketHandler {
            Counting(Talks& t, std::size_t bytes, Error& e) : at(t), talker(bytes, &t.done, &e) {}
            void on_connected(TcpSocket& s) override {
                CHECK(s.peer().empty());
                CHECK(s.local().empty());
                talker.on_connected(s);
            }
            void on_writable(TcpSocket& s) override { talker.on_writable(s); }
            void on_read(TcpSocket& s, Slice piece) override { talker.on_read(s, std::move(piece)); }
            void on_end(TcpSocket& s) override { talker.on_end(s); }
            void on_closed(TcpSocket& s, Error e) override {
                talker.on_closed(s, e);
                ++at.closed;
            }
            Talks& at;
            Talker talker;
        };
        talks.path = path;
        auto shared = SharedListener::at_path(path);
        REQUIRE(shared);
        Reactor reactor({.workers = 3});
        REQUIRE(reactor.start(
            [](Worker& worker, const std::shared_ptr<const SharedListener>& listener,
               test::Lent<Talks> at) -> Result<void> {
                auto opened =
                    worker.open_listener(*listener, [](TcpSocket&) { return std::make_unique<Echo>(); });
                if (!opened) return fail(opened);
                if (worker.index() != 0) return {};
                for (std::size_t i = 0; i < at->errors.size(); ++i)
                    worker.connect_unix(at->path,
                                        std::make_unique<Counting>(*at, 10 + 1'500'000 * i, at->errors[i]));
                return {};
            },
            *shared, test::lent(talks)));
        CHECK(test::comes([&] { return talks.closed == 3; }));
        CHECK(reactor.stop(10s).cut == 0);
        CHECK(talks.done == 3);
        for (const auto& error : talks.errors) CHECK_FALSE(error);
    }
}

TEST_CASE("a unix connect that fails is told by on_closed, behind the call") {
    const test::TemporaryFolder folder;
    std::array<Told, 3> waiting;
    test::HandWorker worker;
    const auto left = folder.file("left"), busy = folder.file("busy");
    {
        auto gone = SharedListener::at_path(left);
        REQUIRE(gone);
        std::filesystem::rename(left, left + ".kept");
    }
    std::filesystem::rename(left + ".kept", left);
    auto full = SharedListener::at_path(busy, {.backlog = 0});
    REQUIRE(full);
    for (const auto& [path, error] : {std::pair(folder.file("none"), ENOENT),
                                      {left, ECONNREFUSED},
                                      {std::string(108, 'x'), ENAMETOOLONG},
                                      {std::string(), EINVAL},
                                      {"@penstock-nobody-" + std::to_string(::getpid()), ECONNREFUSED}}) {
        CAPTURE(path);
        Told told;
        auto& socket = worker->connect_unix(path, std::make_unique<Tells>(told));
        CHECK(socket.is_closing());
        CHECK(told.closed == 0);
        worker.turn();
        CHECK(told.closed == 1);
        CHECK(told.error == Error::os(error));
        CHECK(told.connected == 0);
    }
    {
        const test::NoMoreDescriptors none;
        Told told;
        worker->connect_unix(busy, std::make_unique<Tells>(told));
        worker.turn();
        CHECK(told.error == Error::os(EMFILE));
    }
    for (auto& told : waiting) worker->connect_unix(busy, std::make_unique<Tells>(told));
    CHECK(worker.turn_until([&] { return waiting.back().closed == 1; }));
    CHECK(waiting.front().connected == 1);  // it waits to be accepted
    CHECK(waiting.back().error == Error::os(EAGAIN));
}

namespace {

/// Two workers that bring along what was received and not told, as io_uring does.
struct Move {
    Move()
        : one({.backend = test::late_backend(), .clock = &clock}),
          other({.backend = test::late_backend(), .clock = &clock}),
          socket(&one->connect_unix(site.path(), std::make_unique<Tells>(told))),
          peer(site.accept()) {
        REQUIRE(one.turn_until([&] { return told.connected == 1; }));
        REQUIRE(one.comes_to_rest());
    }
    Detached<TcpSocket> detach(test::HandWorker& from) {
        std::optional<Detached<TcpSocket>> out;
        {
            const auto entered = from.enter();
            REQUIRE(socket->detach([&](Detached<TcpSocket> bundle) { out = std::move(bundle); }));
            CHECK_FALSE(out);  // not inside the call
            CHECK(socket->write(Bytes("late")) == Sent::closed);
        }
        REQUIRE(from.turn_until([&] { return out.has_value(); }));
        REQUIRE(from.comes_to_rest());
        return std::move(*out);
    }
    void adopt(test::HandWorker& by, Detached<TcpSocket> bundle) {
        const auto entered = by.enter();
        socket = &by->adopt(std::move(bundle));
    }
    template <class F>
    void on(test::HandWorker& worker, F f) {
        const auto entered = worker.enter();
        f();
    }

    test::HandClock clock;
    Site site;
    Told told;
    test::HandWorker one, other;
    TcpSocket* socket;
    Descriptor peer;
};

}  // namespace

TEST_CASE("what is received and not told moves along, and is told when the handler reads, in its order") {
    Move move;
    put(move.peer, "one ");
    move.one.turn();  // the backend has it
    move.on(move.one, [&] { move.socket->ready_to_read(false); });
    auto bundle = move.detach(move.one);
    CHECK(move.told.text.empty());
    put(move.peer, "two ");
    move.adopt(move.other, std::move(bundle));
    CHECK(move.told.adopted == 1);
    CHECK(move.other.comes_to_rest());
    CHECK(move.told.text.empty());
    CHECK(move.socket->bytes_in() == 4);
    put(move.peer, "three");
    move.on(move.other, [&] {
        move.socket->ready_to_read(true);
        CHECK(move.told.text.empty());  // not inside the call
    });
    CHECK(move.other.turn_until([&] { return move.told.text == "one two three"; }));
    CHECK(move.socket->bytes_in() == 13);
    move.peer.close();
    CHECK(move.other.turn_until([&] { return move.told.closed == 1; }));
    CHECK(move.told.ends == 1);
    CHECK_FALSE(move.told.error);
}

TEST_CASE("what is told in parts moves on in parts, again and again") {
    Move move;
    std::string expected;
    move.told.on_read = [](TcpSocket& socket) { socket.ready_to_read(false); };  // one piece at a time
    auto* from = &move.one;
    auto* to = &move.other;
    for (int round = 0; round < 6; ++round) {
        CAPTURE(round);
        move.on(*from, [&] { move.socket->ready_to_read(true); });
        for (int i = 0; i < 3; ++i) {
            const auto text = std::to_string(round) + "." + std::to_string(i) + " ";
            put(move.peer, text);
            expected += text;
            from->turn();
        }
        auto bundle = move.detach(*from);
        move.adopt(*to, std::move(bundle));
        if (round % 2 == 0) CHECK(to->comes_to_rest());
        std::swap(from, to);
    }
    move.told.on_read = nullptr;
    move.on(*from, [&] { move.socket->ready_to_read(true); });
    CHECK(from->turn_until([&] { return move.told.text == expected; }));
    CHECK(move.socket->bytes_in() == expected.size());
    CHECK(move.told.adopted == 6);
}

TEST_CASE("a socket that moves on in on_adopted takes along what came along") {
    Move move;
    put(move.peer, "hello ");
    move.one.turn();
    auto bundle = move.detach(move.one);
    std::optional<Detached<TcpSocket>> next;
    move.told.on_adopted = [&](TcpSocket& socket) {
        CHECK(socket.detach([&](Detached<TcpSocket> d) { next = std::move(d); }));
    };
    move.adopt(move.other, std::move(bundle));
    REQUIRE(move.other.turn_until([&] { return next.has_value(); }));
    CHECK(move.told.text.empty());
    move.told.on_adopted = nullptr;
    put(move.peer, "world");
    move.adopt(move.one, std::move(*next));
    CHECK(move.one.turn_until([&] { return move.told.text == "hello world"; }));
}

TEST_CASE("everything of a socket moves: what is queued, marks, limits, wishes, its end and its counts") {
    Move move;
    const std::string much(600'000, 'x');
    static constexpr WriteMarks roomy{.high_bytes = 500'000, .low_bytes = 100, .max_bytes = 700'000};
    move.on(move.one, [&] {
        move.socket->marks(roomy);
        move.socket->write_timeout(30s);
        move.socket->idle_timeout(50s);
        CHECK(move.socket->write(Bytes(much)) == Sent::wait);
    });
    REQUIRE(move.one.comes_to_rest());
    const auto out = much.size() - move.socket->unsent_bytes();
    CHECK(out > 0);
    CHECK(out < much.size());
    put(move.peer, "unread");
    move.one.turn();
    auto bundle = move.detach(move.one);
    CHECK(move.told.died == 0);
    CHECK(move.told.closed == 0);
    CHECK(move.one->is_drained());
    move.adopt(move.other, std::move(bundle));
    move.on(move.other, [&] {
        CHECK(move.socket->bytes_out() == out);
        CHECK(move.socket->bytes_in() == 6);
        CHECK(move.socket->unsent_bytes() == much.size() - out);
        CHECK(move.socket->handler() != nullptr);
        CHECK(move.socket->peer().empty());
    });
    CHECK(move.other.turn_until([&] { return move.told.text == "unread"; }));
    REQUIRE(move.other.comes_to_rest());
    std::string got;
    const auto writable = move.told.writable;
    REQUIRE(move.other.turn_until([&] {
        got += take(move.peer);
        return got.size() == much.size();
    }));
    REQUIRE(move.other.comes_to_rest());
    const bool is_same = got == much;
    CHECK(is_same);
    CHECK(move.told.writable == writable + 1);  // the write answered `wait` on the other worker
    CHECK(move.socket->bytes_out() == much.size());
    // The marks and the limits are its own still.
    move.on(move.other, [&] {
        CHECK(move.socket->write(Bytes(std::string(499'999, 'y'))) == Sent::more);
        CHECK(move.socket->write(Bytes(std::string(200'002, 'y'))) == Sent::full);
        move.socket->finish();
    });
    auto second = move.detach(move.other);  // and it ends on the next
    move.adopt(move.one, std::move(second));
    std::size_t more = 0;
    bool ended = false;
    REQUIRE(move.one.turn_until([&] {
        more += take(move.peer, &ended).size();
        return ended;
    }));
    CHECK(more == 499'999);
    move.clock.pass(49'990ms);
    for (int turns = 0; turns < 3; ++turns) move.one.turn();
    CHECK(move.told.closed == 0);
    move.clock.pass(20ms);
    for (int turns = 0; turns < 3; ++turns) move.one.turn();
    CHECK(move.told.closed == 1);
    CHECK(move.told.error == Error::os(ETIMEDOUT));
}

TEST_CASE("a socket that moves keeps its write limit and its wish to write") {
    Move move;
    move.told.on_writable = [](TcpSocket& socket) {
        if (socket.unsent_bytes() == 0) std::ignore = socket.write(Bytes(std::string(3'000'000, 'x')));
    };
    move.on(move.one, [&] {
        move.socket->ready_to_write(true);
        move.socket->write_timeout(5s);
    });
    auto bundle = move.detach(move.one);
    CHECK(move.told.writable == 0);
    move.adopt(move.other, std::move(bundle));
    REQUIRE(move.other.turn_until([&] { return move.told.writable == 1; }));
    for (int turns = 0; turns < 20; ++turns) move.other.turn();
    CHECK(move.socket->unsent_bytes() > 0);
    auto second = move.detach(move.other);
    move.clock.pass(1h);  // on its way no time counts
    move.one.turn();
    move.adopt(move.one, std::move(second));
    for (int turns = 0; turns < 3; ++turns) move.one.turn();
    CHECK(move.told.closed == 0);
    move.clock.pass(4'900ms);
    for (int turns = 0; turns < 3; ++turns) move.one.turn();
    CHECK(move.told.closed == 0);
    move.clock.pass(200ms);
    for (int turns = 0; turns < 3; ++turns) move.one.turn();
    CHECK(move.told.error == Error::os(ETIMEDOUT));
}

TEST_CASE("a socket's read credit moves along, less what came along") {
    Move move;
    move.on(move.one, [&] { move.socket->read_credit(10); });
    put(move.peer, "123456");
    move.one.turn();
    auto bundle = move.detach(move.one);
    move.adopt(move.other, std::move(bundle));
    put(move.peer, "7890abcdef");
    REQUIRE(move.other.turn_until([&] { return move.told.text.size() >= 10; }));
    REQUIRE(move.other.comes_to_rest());
    CHECK(move.told.text == "1234567890");
    move.on(move.other, [&] { move.socket->read_credit(2); });
    REQUIRE(move.other.comes_to_rest());
    CHECK(move.told.text == "1234567890ab");
}

TEST_CASE("an end that comes while a socket leaves is told where it arrives, behind what came along") {
    Move move;
    put(move.peer, "last words");
    move.one.turn();
    move.peer.close();
    auto bundle = move.detach(move.one);
    CHECK(move.told.ends == 0);
    move.adopt(move.other, std::move(bundle));
    std::string at_end;
    move.told.on_end = [&](TcpSocket& socket) {
        at_end = move.told.text;
        socket.close();
    };
    CHECK(move.other.turn_until([&] { return move.told.closed == 1; }));
    CHECK(at_end == "last words");
    CHECK_FALSE(move.told.error);
}

TEST_CASE("a socket that is read again in on_adopted tells first what came along") {
    Move move;
    put(move.peer, "one ");
    move.one.turn();
    move.on(move.one, [&] { move.socket->ready_to_read(false); });
    auto bundle = move.detach(move.one);
    put(move.peer, "two");
    move.told.on_adopted = [](TcpSocket& socket) { socket.ready_to_read(true); };
    move.adopt(move.other,
               std::move(bundle));  // outside of a turn: what comes is dispatched before its flush
    CHECK(move.other.turn_until([&] { return move.told.text.size() == 7; }));
    CHECK(move.told.text == "one two");
}

TEST_CASE("a socket that is closed while it leaves goes on closing where it arrives") {
    Move move;
    std::optional<Detached<TcpSocket>> bundle;
    move.on(move.one, [&] {
        REQUIRE(move.socket->detach([&](Detached<TcpSocket> left) { bundle = std::move(left); }));
        move.socket->close();
    });
    REQUIRE(move.one.turn_until([&] { return bundle.has_value(); }));
    put(move.peer, "not told");
    move.adopt(move.other, std::move(*bundle));
    CHECK(move.socket->is_closing());
    bool ended = false;
    CHECK(move.other.turn_until([&] {
        std::ignore = take(move.peer, &ended);
        return ended;
    }));
    CHECK(move.told.closed == 0);
    move.peer.close();
    CHECK(move.other.turn_until([&] { return move.told.closed == 1; }));
    CHECK_FALSE(move.told.error);
    CHECK(move.told.text.empty());
}

TEST_CASE("a socket that closes over what came along ends with its peer, not after its linger") {
    for (const bool reads : {false, true}) {
        CAPTURE(reads);
        Move move;
        put(move.peer, "not told");
        move.one.turn();
        auto bundle = move.detach(move.one);
        move.told.on_adopted = [&](TcpSocket& socket) {
            socket.ready_to_read(reads);
            socket.close();
        };
        move.adopt(move.other, std::move(bundle));
        move.peer.close();
        CHECK(move.other.turn_until([&] { return move.told.closed == 1; }));
        CHECK_FALSE(move.told.error);
        CHECK(move.told.text.empty());
    }
}

TEST_CASE("what the kernel takes while a socket leaves is told where it arrives") {
    Move move;
    const std::string much(600'000, 'x');
    move.on(move.one, [&] { CHECK(move.socket->write(Bytes(much)) == Sent::wait); });
    for (int turns = 0; turns < 2; ++turns) move.one.turn();  // the send flies, and has not said what it took
    const auto told = move.told.sent;
    auto bundle = move.detach(move.one);
    CHECK(move.told.sent == told);
    move.adopt(move.other, std::move(bundle));
    CHECK(move.socket->bytes_out() > 0);
    REQUIRE(move.other.comes_to_rest());  // nobody reads
    CHECK(move.told.sent == told + 1);
}

TEST_CASE("a worker that drains lets no socket go") {
    Move move;
    move.told.on_drain = [](TcpSocket&) {};
    move.one->drain();
    move.on(move.one,
            [&] { CHECK(move.socket->detach([](Detached<TcpSocket>) {}).error() == Error::os(ECANCELED)); });
}

TEST_CASE("a detached socket that dies ends its connection, and its handler hears nothing") {
    Move move;
    put(move.peer, "unread");
    move.one.turn();
    move.on(move.one, [&] { CHECK(move.socket->write(Bytes(std::string(600'000, 'x'))) == Sent::wait); });
    {
        const auto bundle = move.detach(move.one);
    }
    CHECK(move.told.died == 1);
    CHECK(move.told.closed == 0);
    bool ended = false;
    for (int tries = 0; tries < 2 && !ended; ++tries) std::ignore = take(move.peer, &ended);
    std::array<char, 1> byte;
    CHECK(::recv(move.peer.number(), byte.data(), 1, 0) <= 0);
    CHECK(errno != EAGAIN);
    CHECK(move.one.comes_to_rest());
}

TEST_CASE("a socket that ends while it leaves does not leave, and gives back what it held") {
    for (int way = 0; way < 3; ++way) {
        CAPTURE(way);
        Move move;
        bool left = false;
        put(move.peer, "unread");
        move.one.turn();
        move.on(move.one, [&] {
            CHECK(move.socket->write(Bytes(std::string(600'000, 'x'))) == Sent::wait);
            REQUIRE(move.socket->detach([&](Detached<TcpSocket>) { left = true; }));
            CHECK(move.socket->detach([](Detached<TcpSocket>) {}).error() == Error::os(ENOTCONN));
            if (way == 0) move.socket->abort();
        });
        if (way == 1) move.one.turn();
        if (way == 1 && !left) move.on(move.one, [&] { move.socket->abort(); });
        if (way == 2) move.one.stop();
        if (way != 2) CHECK(move.one.turn_until([&] { return move.told.closed == 1 || left; }));
        CHECK(move.told.closed == (left ? 0 : 1));
        if (!left) CHECK(move.told.error == Error::os(ECONNABORTED));
        CHECK(move.told.died == 1);
    }
}

TEST_CASE("a socket whose handler is not to move, or that is closing or connecting, stays as it is") {
    Told told;
    Connecting site;
    auto& connecting = site.begin(told);
    CHECK(connecting.detach([](Detached<TcpSocket>) {}).error() == Error::os(ENOTCONN));
    Line line(true);
    line.on_worker([&] {
        line.socket.close();
        CHECK(line.socket.detach([](Detached<TcpSocket>) {}).error() == Error::os(ENOTCONN));
    });
    bool ended = false;
    line.rest();
    CHECK(take(line.peer, &ended).empty());
    CHECK(ended);
}

TEST_CASE("sockets move between workers under traffic, with what their backends had received") {
    struct Wanders final : SocketHandler, Movable {
        void on_read(TcpSocket& socket, Slice piece) override {
            socket.ready_to_read(socket.write(std::move(piece)) == Sent::more);
            if (++reads % 3 != 0) return;
            auto& here = socket.worker();
            std::ignore = socket.detach([&here](Detached<TcpSocket> bundle) {
                auto adopt = [](Worker& there, Detached<TcpSocket> d) { there.adopt(std::move(d)); };
                const auto next = (here.index() + 1) % here.reactor().workers();
                if (here.reactor().worker(next).post(adopt, std::move(bundle)) != Posted::ok)
                    here.adopt(std::move(bundle));
            });
        }
        void on_writable(TcpSocket& socket) override { socket.ready_to_read(true); }
        void on_adopted(TcpSocket&) override { ++wander_moves; }
        int reads = 0;
    };
    wander_moves = 0;
    Reactor reactor({.workers = 3, .make_backend = &test::late_backend});
    std::atomic<std::uint16_t> port = 0;
    REQUIRE(reactor.start(
        [](Worker& worker, EchoServer::Box box) -> Result<void> {
            if (worker.index() != 0) return {};
            auto listener =
                worker.open_listener("127.0.0.1:0", [](TcpSocket&) { return std::make_unique<Wanders>(); });
            if (!listener) return fail(listener);
            box.port->store((*listener)->address().port());
            return {};
        },
        EchoServer::Box{&port}));
    std::string text(2'000'000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + i / 256);
    std::vector<std::thread> clients;
    std::atomic<int> same = 0;
    for (int i = 0; i < 2; ++i)
        clients.emplace_back([&] {
            test::LoopbackClient client(port);
            std::thread writer([&] {
                client.send(text);
                client.finish();
            });
            if (client.receive_all() == text) ++same;
            writer.join();
        });
    for (auto& client : clients) client.join();
    CHECK(same == 2);
    CHECK(wander_moves > 10);
    test::LoopbackClient cut(port);  // and a stop in the middle
    cut.send(text.substr(0, 100'000));
    std::ignore = cut.receive_bytes(1'000);
    reactor.stop(0ns);
}
