// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <events/loopback.hpp>

using namespace penstock;
using namespace penstock::events;

namespace {

constexpr Address address{"10.0.0.1:7"};
using test::Lent;
using test::lent;

/// What the workers of one test note; one thread runs it all.
struct Notes {
    std::array<int, 4> accepted{};
    std::vector<std::string> lines;
    core::TimePoint at{};
};

/// Answers each byte by the number of its worker, and ends only when it is told to.
struct Stubborn final : SocketHandler {
    void on_read(TcpSocket& socket, Slice) override {
        std::ignore = socket.write(Bytes(std::to_string(socket.worker().index())));
    }
    void on_drain(TcpSocket&) override {}
};

Result<void> set_up(Worker& worker, Lent<Notes> notes) {
    return worker.listen(address, [&worker, notes](TcpSocket&) {
        ++notes->accepted[worker.index()];
        return std::make_unique<Stubborn>();
    });
}

struct Heard {
    std::string text;
    bool closed = false;
    Error error;
};
struct Asks final : SocketHandler {
    explicit Asks(Heard& h) : heard(h) {}
    void on_connected(TcpSocket& socket) override { std::ignore = socket.write(Bytes("?")); }
    void on_read(TcpSocket&, Slice piece) override { heard.text += piece.text(); }
    void on_closed(TcpSocket&, Error error) override {
        heard.closed = true;
        heard.error = error;
    }
    Heard& heard;
};

}  // namespace

TEST_CASE("the workers of a simulated reactor share one host and its ports") {
    for (const auto seed : seeds(10)) {
        CAPTURE(seed);
        Notes notes;
        std::array<Heard, 60> heard;
        Simulation sim(seed, {.short_transfer = 0.3, .delay_max = 1ms});
        Reactor reactor(sim, {.workers = 3});
        REQUIRE(reactor.start(set_up, lent(notes)));
        CHECK(reactor.workers() == 3);
        auto& elsewhere = sim.add_host();
        CHECK(elsewhere.listen(address, [](TcpSocket&) { return std::make_unique<Stubborn>(); }).error() ==
              Error::os(EADDRINUSE));
        for (auto& each : heard) elsewhere.connect(address, std::make_unique<Asks>(each));
        sim.run_for(1s);
        std::array<int, 3> answered{};
        for (const auto& each : heard) {
            REQUIRE(each.text.size() == 1);
            ++answered[static_cast<std::size_t>(each.text[0] - '0')];
        }
        for (unsigned i = 0; i < 3; ++i) {
            CHECK(answered[i] >= 5);
            CHECK(reactor.status(i).sockets == static_cast<std::size_t>(answered[i]));
        }
    }
}

TEST_CASE("a stop has its deadline in virtual time, and the reactor starts again") {
    Notes notes;
    Heard stays, leaves, late;
    Simulation sim(1);
    Reactor reactor(sim, {.workers = 2});
    for (int round = 0; round < 2; ++round) {
        CAPTURE(round);
        REQUIRE(reactor.start(set_up, lent(notes)));
        auto& client = sim.add_host();
        stays = leaves = late = {};
        client.connect(address, std::make_unique<Asks>(stays));
        auto& leaving = client.connect(address, std::make_unique<Asks>(leaves));
        sim.run_for(1s);
        client.later([&client, &leaving] {  // half a minute after the stop has begun
            auto leave = [](Worker& worker, TcpSocket& socket) -> Task<> {
                co_await worker.sleep(30s);
                socket.close();
            };
            client.spawn(leave(client, leaving));
        });
        const auto before = sim.now();
        const auto stopped = reactor.stop(60s);
        CHECK(sim.now() - before >= 60s);
        CHECK(sim.now() - before < 61s);
        CHECK(stopped.drained == 1);
        CHECK(stopped.cut == 1);
        CHECK_FALSE(leaves.error);
        sim.run_for(1s);
        CHECK(stays.closed);
        CHECK(stays.error == Error::os(ECONNRESET));
        client.connect(address, std::make_unique<Asks>(late));
        sim.run_for(1s);
        CHECK(late.error == Error::os(ECONNREFUSED));
        CHECK(reactor.worker(0).post([](Worker&) {}) == Posted::stopped);
    }
}

TEST_CASE("a set-up that fails ends the start, and what it made is gone") {
    Notes notes;
    Simulation sim(1);
    Reactor reactor(sim, {.workers = 2});
    const auto failed = reactor.start(
        [](Worker& worker, Lent<Notes> all) -> Result<void> {
            if (worker.index() == 1) return fail(Error::os(EPERM));
            return set_up(worker, all);
        },
        lent(notes));
    CHECK(failed.error() == Error::os(EPERM));
    const auto threw = reactor.start([](Worker&) { throw std::runtime_error("on purpose"); });
    CHECK(threw.error() == Error::os(EFAULT));
    REQUIRE(reactor.start(set_up, lent(notes)));
    sim.run_for(1s);
    CHECK(reactor.stop(0s).cut == 0);
}

namespace {

/// A message that tells whether it was run or died, and in which order.
struct Message {
    struct Fates {
        int run = 0, dropped = 0;
        bool in_order = true;
    };
    Message(int i, Fates* f) : number(i), fates(f) {}
    Message(Message&& other) noexcept : number(other.number), fates(std::exchange(other.fates, nullptr)) {}
    Message& operator=(Message&&) = delete;
    ~Message() {
        if (fates != nullptr) ++fates->dropped;
    }
    void run() {
        fates->in_order = fates->in_order && number == fates->run;
        ++std::exchange(fates, nullptr)->run;
    }
    static constexpr bool sendable = true;
    int number;
    Fates* fates;
};

}  // namespace

TEST_CASE("posts to a simulated worker run in order, and those that a stop finds die in it") {
    int all_dropped = 0;
    for (const auto seed : seeds(50)) {
        CAPTURE(seed);
        Message::Fates fates;
        int sent = 0;
        Simulation sim(seed);
        Reactor reactor(sim, {.workers = 2});
        REQUIRE(reactor.start());
        auto post = [&](int count) {
            for (int i = 0; i < count; ++i) {
                Message message(sent, &fates);
                const auto posted =
                    reactor.worker(1).post([](Worker&, Message it) { it.run(); }, std::move(message));
                if (posted != Posted::ok) {  // then it stays with us
                    message.fates = nullptr;
                    return;
                }
                ++sent;
                if (i % 64 == 0 && sim.random().below(8) == 0) sim.run_for(1us);
            }
        };
        post(500);
        sim.run_for(1ms);
        CHECK(fates.run == sent);
        reactor.stop_soon(0s);
        post(static_cast<int>(sim.random().below(3'000)));  // more than one turn takes
        reactor.stop(0s);
        CHECK(fates.in_order);
        CHECK(fates.run + fates.dropped == sent);
        all_dropped += fates.dropped;
    }
    CHECK((all_dropped > 0 || seeds(50).size() < 50));
}

TEST_CASE("sockets move between simulated workers under traffic, and nothing is lost") {
    struct Moves final : SocketHandler, Movable {
        void on_read(TcpSocket& socket, Slice piece) override {
            std::ignore = socket.write(std::move(piece));
            auto& worker = socket.worker();
            if (worker.random().below(3) != 0) return;
            std::ignore =
                socket.detach([to = worker.reactor().worker(1 - worker.index())](Detached<TcpSocket> moved) {
                    CHECK(to.post([](Worker& here, Detached<TcpSocket> came) { here.adopt(std::move(came)); },
                                  std::move(moved)) == Posted::ok);
                });
        }
    };
    struct Talks final : SocketHandler {
        Talks(const std::string& t, Heard& h) : text(t), heard(h) {}
        void on_connected(TcpSocket& socket) override {
            std::ignore = socket.write(Bytes(text));
            socket.finish();
        }
        void on_read(TcpSocket&, Slice piece) override { heard.text += piece.text(); }
        void on_closed(TcpSocket&, Error error) override {
            heard.closed = true;
            heard.error = error;
        }
        const std::string& text;
        Heard& heard;
    };
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + ' ';
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Heard heard;
        Simulation sim(seed, {.short_transfer = 0.5, .again = 0.1, .delay_max = 1ms});
        Reactor reactor(sim, {.workers = 2});
        REQUIRE(reactor.start([](Worker& worker) {
            return worker.listen(address, [](TcpSocket&) { return std::make_unique<Moves>(); });
        }));
        sim.add_host().connect(address, std::make_unique<Talks>(text, heard));
        sim.run_for(60s);
        CHECK((heard.text == text));
        CHECK(heard.closed);
        CHECK_FALSE(heard.error);
    }
}

TEST_CASE("a reactor that dies runs nobody but its own workers") {
    Simulation sim(1);
    int ticks = 0;
    auto& other = sim.add_host();
    {
        Notes notes;
        Reactor reactor(sim, {.workers = 2});
        REQUIRE(reactor.start(set_up, lent(notes)));
        other.later([&] { ++ticks; });
    }
    CHECK(ticks == 0);
    sim.run_for(0s);
    CHECK(ticks == 1);
}

TEST_CASE("clock and randomness of a simulated reactor are the simulation's") {
    auto run = [](std::uint64_t seed) {
        Notes notes;
        Simulation sim(seed);
        Reactor reactor(sim, {.workers = 2});
        sim.run_for(90s);
        REQUIRE(reactor.start(
            [](Worker& worker, Lent<Notes> all) {
                all->at = worker.now();
                all->lines.push_back(std::to_string(worker.random().word()));
            },
            lent(notes)));
        CHECK(notes.at == sim.now());
        CHECK(notes.lines[0] != notes.lines[1]);
        return notes.lines;
    };
    CHECK(run(1) == run(1));
    CHECK(run(1) != run(2));
}
