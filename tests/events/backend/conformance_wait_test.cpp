// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/timer_wheel.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <tuple>

#include <events/backend/worlds.hpp>
#include <sys/socket.h>
#include <unistd.h>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto long_time = 20s;  // of a wait that something should end
constexpr auto short_time = 5s;  // and that was ended, on a busy machine too

/// A turn; answers how long its wait took.
Clock::duration wait(Side& side, std::chrono::nanoseconds at_most) {
    const auto before = Clock::now();
    side.backend().wait(at_most);
    const auto took = Clock::now() - before;
    side.dispatch();
    side.backend().free_closed();
    return took;
}

/// All ready: `count` connections on one backend, with so much to read each.
struct Loaded {
    std::vector<Socket*> readers, writers;

    Loaded(Rig& rig, std::size_t count, std::size_t bytes, std::size_t from = 1) {
        for (std::size_t i = 0; i < count; ++i) {
            auto [client, server] = rig.connected(from, 0);
            client.write(bulk(bytes));
            readers.push_back(&server);
            writers.push_back(&client);
        }
        rig.rest();
        for (auto* reader : readers) reader->arm_receive();
    }
    std::size_t received() const {
        std::size_t out = 0;
        for (const auto* reader : readers) out += reader->received.size();
        return out;
    }
};

}  // namespace

PROMISE("a wait ends by time, and not before it") {
    if (!rig.can(Capability::sleep)) return;
    auto [client, server] = rig.connected(0, 0);
    server.arm_receive();
    rig.rest();
    for (const auto time : {300'000ns, 1'000'000ns, 1'500'000ns, 30'000'000ns}) {
        CAPTURE(time.count());
        const auto waited = wait(rig.side(0), time);
        CHECK(waited >= time - TimerWheel::tick);
        CHECK(waited < time + short_time);
    }
}

PROMISE("a wait of no time does not block") {
    if (!rig.can(Capability::sleep)) return;
    rig.rest();
    CHECK(wait(rig.side(0), 0ns) < short_time);
    CHECK(rig.side(0).told() == 0);
}

PROMISE("wake() before a wait ends the next one, and only that one") {
    if (!rig.can(Capability::sleep)) return;
    auto& backend = rig.backend(0);
    rig.rest();
    for (const int wakes : {1, 2, 1000}) {
        std::thread([&] {
            for (int i = 0; i < wakes; ++i) backend.wake();
        }).join();
        CHECK(wait(rig.side(0), long_time) < short_time);
        CHECK(wait(rig.side(0), 20ms) >= 20ms - TimerWheel::tick);
    }
    backend.wake();  // its own thread may
    CHECK(wait(rig.side(0), long_time) < short_time);
    CHECK(rig.side(0).told() == 0);
}

PROMISE("wake() during a wait ends it") {
    if (!rig.can(Capability::sleep)) return;
    auto& backend = rig.backend(0);
    rig.rest();
    for (int round = 0; round < 20; ++round) {
        std::thread waker([&] {
            std::this_thread::sleep_for(round % 2 == 0 ? 2ms : 0ms);
            backend.wake();
        });
        const auto waited = wait(rig.side(0), round < 10 ? long_time : std::chrono::nanoseconds::max());
        waker.join();
        CHECK(waited < short_time);
    }
}

PROMISE("more wakes than a pipe holds block nobody and are not lost") {
    if (!rig.can(Capability::sleep)) return;
    auto& backend = rig.backend(0);
    for (int i = 0; i < 100'000; ++i) backend.wake();
    CHECK(wait(rig.side(0), long_time) < short_time);
    std::thread waker([&] {
        std::this_thread::sleep_for(2ms);
        backend.wake();
    });
    CHECK(wait(rig.side(0), long_time) < short_time);
    waker.join();
}

PROMISE("of wakes that race with waits none is lost") {
    if (!rig.can(Capability::sleep)) return;
    auto& backend = rig.backend(0);
    std::atomic<int> asked{0}, answered{0};
    std::thread other([&] {
        for (int i = 1; i <= 2000; ++i) {
            asked = i;
            backend.wake();
            while (answered != i) std::this_thread::yield();
        }
    });
    auto slowest = Clock::duration::zero();
    for (int i = 1; i <= 2000; ++i) {
        while (asked != i) slowest = std::max(slowest, wait(rig.side(0), long_time));
        answered = i;
    }
    other.join();
    CHECK(slowest < short_time);
}

PROMISE("what happens during a wait ends it") {
    if (!rig.can(Capability::sleep)) return;
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const Descriptor theirs(ends[1], Descriptor::Kind::stream);
    auto& ours = rig.enter(0, Descriptor(ends[0], Descriptor::Kind::stream));
    ours.arm_receive();
    rig.rest();
    for (std::size_t round = 1; round <= 5; ++round) {
        std::thread speaker([&] {
            std::this_thread::sleep_for(round * 1ms);
            std::ignore = ::write(theirs.number(), "x", 1);
        });
        auto slowest = Clock::duration::zero();
        for (int i = 0; i < 10 && ours.received.size() < round; ++i)
            slowest = std::max(slowest, wait(rig.side(0), long_time));
        speaker.join();
        CHECK(ours.received.size() == round);
        CHECK(slowest < short_time);
    }
}

PROMISE("a backend with work left does not sleep") {
    for (const std::size_t count : {1, 5}) {
        Loaded loaded(rig, count, 300'000, 0);  // both ends are here
        auto& side = rig.side(0);
        auto slowest = Clock::duration::zero();
        for (int i = 0; i < 10'000 && loaded.received() < count * 300'000; ++i) {
            if (!side.backend().has_ready()) rig.pass(1ms);
            slowest = std::max(slowest, wait(side, long_time));
        }
        CHECK(loaded.received() == count * 300'000);
        CHECK(slowest < short_time);
    }
}

PROMISE("has_ready() is true while dispatch() has something left, and false when all is told") {
    Loaded loaded(rig, 4, 60'000);
    rig.side(0).turn(0ns);
    std::size_t rounds = 0;
    while (loaded.received() < 4 * 60'000 && ++rounds < 10'000) {
        if (rig.backend(0).has_ready()) {
            rig.side(0).turn(0ns);
        } else {
            rig.turn(1ms);
        }
    }
    CHECK(loaded.received() == 4 * 60'000);
    rig.rest();
    CHECK(!rig.backend(0).has_ready());
    CHECK(!rig.backend(1).has_ready());
}

PROMISE("with all armed and nothing to tell a backend has nothing ready, and sleeps") {
    auto [client, server] = rig.connected(1, 0);
    auto [sender, unread] = rig.connected(1, 0);  // not armed: data and the end wait
    auto [full, reader] = rig.connected(0, 1);
    auto& listening = rig.listen(0);
    auto& connecting = rig.stream(1, rig.address(listening)).connect(rig.address(listening));
    REQUIRE(rig.until([&] { return connecting.is_done() && !listening.accepted.empty(); }));
    server.arm_receive();
    client.write(text(100));
    sender.write(text(100));
    sender.finish();
    rig.fill(full);
    rig.rest();
    CHECK(server.received.size() == 100);
    CHECK(!rig.backend(0).has_ready());
    CHECK(!rig.backend(1).has_ready());
    CHECK(unread.told() == 0);
    if (rig.is_able(Capability::sleep)) CHECK(wait(rig.side(0), 20ms) >= 20ms - TimerWheel::tick);
}

PROMISE("with datagrams armed and none to tell a backend has nothing ready, and sleeps") {
    if (!rig.can(Capability::datagrams)) return;
    auto& receiver = rig.datagram(0);
    receiver.arm_datagrams();
    std::vector<Datagram> one;
    one.push_back({.peer = rig.address(receiver), .data = Slice::copy(text(10))});
    rig.datagram(1).send_datagrams(std::move(one));
    REQUIRE(rig.until([&] { return receiver.datagrams.size() == 1; }));
    rig.rest();
    CHECK(!rig.backend(0).has_ready());
    if (rig.is_able(Capability::sleep)) CHECK(wait(rig.side(0), 20ms) >= 20ms - TimerWheel::tick);
}

PROMISE("with several sockets ready each gets its share of a turn, and nobody starves") {
    constexpr std::size_t bytes = 1'000'000, share = 16 * 1024, behind_max = bytes * 3 / 4;
    Loaded loaded(rig, 6, bytes);
    for (std::size_t turn = 1; turn <= 3; ++turn) {
        rig.turn();
        for (const auto* reader : loaded.readers) CHECK(reader->received.size() <= turn * share);
    }
    std::size_t behind = 0;
    const bool all = rig.until([&] {
        const auto [least, most] =
            std::ranges::minmax(loaded.readers, {}, [](auto* reader) { return reader->received.size(); });
        behind = std::max(behind, most->received.size() - least->received.size());
        return least->received.size() == bytes;
    });
    CHECK(all);
    CHECK(behind <= behind_max);
}

PROMISE("one socket alone doesn't hold a turn for ever") {
    constexpr std::size_t all = 3'000'000, turn_max = 256 * 1024;
    auto [client, server] = rig.connected(0, 0);
    server.arm_receive();
    server.then = [&] {  // its peer sends as fast as it reads
        if (client.unsent() == 0 && server.received.size() < all)
            client.write(bulk(std::min<std::size_t>(16'381, all - server.received.size())));
    };
    client.write(bulk(16'381));
    std::size_t before = 0, most = 0;
    const bool is_over = rig.until([&] {
        most = std::max(most, server.received.size() - before);
        before = server.received.size();
        return before >= all;
    });
    CHECK(is_over);
    CHECK(most <= turn_max);
}

PROMISE("a busy socket does not keep an accept or a wake from their turn") {
    auto [client, server] = rig.connected(1, 0);
    server.arm_receive();
    client.write(bulk(2'000'000));
    auto& listening = rig.listen(0);
    rig.stream(1, rig.address(listening)).connect(rig.address(listening));
    REQUIRE(rig.until([&] { return !listening.accepted.empty(); }));
    CHECK(server.received.size() < 2'000'000);
}
