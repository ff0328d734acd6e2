// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

TEST_CASE("what a program captured outlives its frames, also when the simulation ends in the middle") {
    struct Captured {
        explicit Captured(int* at) : alive(at) { ++*alive; }
        Captured(const Captured& other) : Captured(other.alive) {}
        Captured& operator=(const Captured&) = delete;
        ~Captured() { --*alive; }
        int* alive;
    };
    struct Looks {
        const int& alive;
        int& seen;
        ~Looks() { seen = alive; }
    };
    int alive = 0, seen = -1;
    {
        Simulation sim(1);
        sim.spawn([&, held = Captured(&alive)](Worker& worker) -> Task<> {
            const Looks at_end{alive, seen};
            co_await worker.sleep(1h);
        });
        sim.run_for(1s);
        CHECK(alive == 1);
        CHECK(seen == -1);
    }
    CHECK(seen == 1);
    CHECK(alive == 0);
}

TEST_CASE("a run says why it cannot come to its end") {
    {
        Simulation stuck(1);
        struct Never {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<>) const noexcept {}
            void await_resume() const noexcept {}
        };
        struct Silent final : SocketHandler {
            void on_read(TcpSocket&, Slice) override {}
        };
        auto& server = stuck.add_host();
        REQUIRE(server.listen("10.0.0.1:1", [](TcpSocket&) { return std::make_unique<Silent>(); }));
        bool has_begun = false;
        stuck.spawn([&](Worker& worker) -> Task<> {
            worker.connect("10.0.0.1:1", std::make_unique<Silent>());
            has_begun = true;
            for (;;) co_await worker.sleep(core::TimePoint::max() - worker.now());
        });
        CHECK(stuck.run().error() == Error::os(ETIMEDOUT));
        CHECK(has_begun);
    }
    {
        Simulation busy(1);
        busy.spawn([](Worker& worker) -> Task<> {
            for (;;) co_await worker.sleep(0s);
        });
        CHECK(busy.run().error() == Error::os(ELOOP));
    }
}

TEST_CASE("what a task throws comes out of run") {
    Simulation sim(1);
    sim.spawn([](Worker& worker) -> Task<> {
        co_await worker.sleep(1s);
        throw std::runtime_error("on purpose");
    });
    sim.spawn([](Worker& worker) -> Task<> { co_await worker.sleep(1h); });
    CHECK_THROWS_WITH(std::ignore = sim.run(), "on purpose");
}

TEST_CASE("a run until something holds stops there, and says when it did not") {
    Simulation sim(1);
    int ticks = 0;
    sim.spawn([&](Worker& worker) -> Task<> {
        for (; ticks < 100; ++ticks) co_await worker.sleep(1s);
    });
    CHECK(sim.run_until([&] { return ticks == 10; }, 1h));
    CHECK(ticks == 10);
    CHECK_FALSE(sim.run_until([&] { return ticks == 50; }, 10s));
    CHECK(ticks >= 19);                                                // timers are late by a tick at most
    CHECK_FALSE(sim.run_until([&] { return ticks == 1000; }, 1000h));  // nothing is left to happen
    CHECK(ticks == 100);
}

namespace {

/// One thread runs it all, so a pointer may cross.
struct Seen {
    int* at;
    static constexpr bool sendable = true;
};

}  // namespace

TEST_CASE("what is posted to a sleeping worker wakes it") {
    Simulation sim(1);
    auto& one = sim.add_host();
    auto& other = sim.add_host();
    sim.run_for(1s);  // both sleep
    int seen = 0;
    one.later([&] {
        for (int i = 0; i < 3; ++i)
            REQUIRE(other.remote().post([](Worker&, Seen s) { ++*s.at; }, Seen{&seen}) == Posted::ok);
    });
    sim.run_for(0s);
    CHECK(seen == 3);
}

TEST_CASE("randomness of a worker comes from the seed, and is its own") {
    auto words = [](std::uint64_t seed, bool others) {
        Simulation sim(seed);
        auto& one = sim.add_host();
        if (others) {
            sim.add_host().random().word();
            sim.random().word();
        }
        return one.random().word();
    };
    CHECK(words(1, false) == words(1, true));
    CHECK(words(1, false) != words(2, false));
    Simulation sim(1);
    CHECK(sim.add_host().random().word() != sim.add_host().random().word());
}

namespace {

/// Sends back what comes, and moves to another worker of the simulation now and then.
struct Bounce final : SocketHandler {
    void on_read(TcpSocket& socket, Slice piece) override { std::ignore = socket.write(std::move(piece)); }
};
struct Talk final : SocketHandler {
    explicit Talk(std::size_t n) : bytes(n) {}
    void on_connected(TcpSocket& socket) override {
        std::string text(bytes, '\0');
        for (auto& c : text) c = static_cast<char>('a' + socket.worker().random().below(26));
        std::ignore = socket.write(Bytes(text));
        socket.finish();
    }
    void on_read(TcpSocket&, Slice) override {}
    std::size_t bytes;
};
struct Answer final : DatagramHandler {
    void on_datagrams(DatagramSocket& socket, std::span<Datagram> all) override {
        for (auto& datagram : all) std::ignore = socket.send(datagram.peer, std::move(datagram.data));
    }
};
struct Ask final : DatagramHandler {
    void on_datagrams(DatagramSocket&, std::span<Datagram>) override {}
};

/// Streams, datagrams and faults on several hosts.
void play(Simulation& sim) {
    const Address stream("10.0.0.1:7"), datagram("10.0.0.2:9");
    REQUIRE(sim.add_host().listen(stream, [](TcpSocket&) { return std::make_unique<Bounce>(); }));
    REQUIRE(sim.add_host().open_datagram(datagram, std::make_unique<Answer>()));
    for (int i = 0; i < 4; ++i)
        sim.spawn([stream, datagram](Worker& worker) -> Task<> {
            auto* asking = *worker.open_datagram("0.0.0.0:0", std::make_unique<Ask>());
            for (int k = 0; k < 20; ++k) {
                worker.connect(stream, std::make_unique<Talk>(worker.random().below(20'000)));
                std::ignore = asking->send(datagram, Bytes("question"));
                co_await worker.sleep(std::chrono::milliseconds(1 + worker.random().below(20)));
            }
            asking->abort();
        });
    REQUIRE(sim.run());
}

constexpr Faults all_faults{.short_transfer = 0.3,
                            .late = 0.5,
                            .reset = 0.01,
                            .half_open = 0.001,
                            .accept_failure = 0.02,
                            .again = 0.2,
                            .loss = 0.1,
                            .duplicate = 0.1,
                            .reorder = 0.2,
                            .cut = 0.05,
                            .delay_max = 5ms};

}  // namespace

TEST_CASE("the same seed gives the same trace, byte for byte, and another one gives another") {
    struct Traced {
        std::string text;
        std::uint64_t hash;
    };
    auto trace = [](std::uint64_t seed) {
        Simulation sim(seed, all_faults);
        sim.record();
        play(sim);
        return Traced{sim.trace(), sim.trace_hash()};
    };
    for (const auto seed : seeds(5)) {
        CAPTURE(seed);
        const auto once = trace(seed), again = trace(seed), other = trace(seed + 1);
        CHECK(once.text.size() > 10'000);
        CHECK((once.text == again.text));
        CHECK(once.hash == again.hash);
        CHECK((once.text != other.text));
        CHECK(once.hash != other.hash);
        for (const auto* part : {"host 0: listen 10.0.0.1:7", ": connect ", ": accept ", ": send ",
                                 ": receive ", ": datagram ", ": again ", ": step"})
            CHECK(once.text.find(part) != std::string::npos);
    }
}

TEST_CASE("a trace that nobody asked for is empty") {
    Simulation sim(1);
    sim.spawn([](Worker& worker) -> Task<> { co_await worker.sleep(1s); });
    sim.note("not kept");
    REQUIRE(sim.run());
    CHECK((sim.trace().empty() || std::getenv("PENSTOCK_TRACE") != nullptr));
    sim.record();
    sim.note("kept");
    CHECK(sim.trace().ends_with("1.000079360 note: kept\n") == false);
    CHECK(sim.trace().ends_with(" note: kept\n"));
}
