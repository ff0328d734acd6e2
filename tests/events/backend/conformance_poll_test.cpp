// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

#include <events/backend/worlds.hpp>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

// Raw descriptors, whose system calls are the owner's. Whoever is told of readiness reads or writes until
// EAGAIN, or arms again: what comes later is then told.

namespace {

constexpr Interest reads{.read = true, .write = false}, writes{.read = false, .write = true};

struct Raw {
    int number;
    Socket& socket;

    bool is_readable() const { return !socket.readies.empty() && socket.readies.back().read; }
    /// Until EAGAIN; answers how much that was.
    std::size_t drain() const {
        std::array<char, 4096> bytes;
        std::size_t all = 0;
        for (ssize_t got; (got = ::read(number, bytes.data(), bytes.size())) > 0;)
            all += static_cast<std::size_t>(got);
        return all;
    }
    std::size_t fill() const {
        const std::string bytes(4096, 'x');
        std::size_t all = 0;
        for (ssize_t put; (put = ::write(number, bytes.data(), bytes.size())) > 0;)
            all += static_cast<std::size_t>(put);
        return all;
    }
};

Raw raw(Rig& rig, int number) { return {number, rig.enter(0, Descriptor(number, Descriptor::Kind::other))}; }

std::array<Descriptor, 2> open_pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
    return {Descriptor(ends[0], Descriptor::Kind::other), Descriptor(ends[1], Descriptor::Kind::other)};
}

void ring(const Raw& event) {
    const std::uint64_t one = 1;
    REQUIRE(::write(event.number, &one, sizeof one) == sizeof one);
}

Raw open_event(Rig& rig) { return raw(rig, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

}  // namespace

PROMISE("a descriptor that is polled for reading is told of, each time that something has come") {
    if (!rig.can(Capability::system)) return;
    const auto event = open_event(rig);
    event.socket.arm_poll(reads);
    rig.rest();
    CHECK(event.socket.told() == 0);
    event.socket.then = [&] { event.drain(); };
    for (std::size_t round = 1; round <= 20; ++round) {
        ring(event);
        REQUIRE(rig.until([&] { return event.socket.told() == round; }));
        CHECK(event.socket.readies.back().read);
        CHECK(!event.socket.readies.back().write);
        if (round % 3 == 0) rig.rest();
        CHECK(event.socket.told() == round);
    }
}

PROMISE("what came before the poll was armed is told") {
    if (!rig.can(Capability::system)) return;
    const auto event = open_event(rig);
    ring(event);
    rig.rest();
    CHECK(event.socket.told() == 0);
    event.socket.arm_poll(reads);
    REQUIRE(rig.until([&] { return event.socket.told() > 0; }));
    event.socket.arm_poll({});
}

PROMISE("a poll that is disarmed tells nothing, and armed again what came meanwhile") {
    if (!rig.can(Capability::system)) return;
    const auto event = open_event(rig);
    std::size_t told = 0;
    for (int round = 0; round < 10; ++round) {
        event.socket.arm_poll(reads);
        if (round % 2 == 0) rig.rest();
        event.socket.arm_poll({});
        ring(event);
        rig.rest();
        CHECK(event.socket.told() == told);
        event.socket.arm_poll(reads);
        REQUIRE(rig.until([&] { return event.socket.told() > told; }));
        event.socket.arm_poll({});
        event.drain();
        rig.rest();
        told = event.socket.told();
    }
}

PROMISE("a poll that is armed again looks anew, also when not all was read") {
    if (!rig.can(Capability::system)) return;
    auto ends = open_pipe();
    const auto reader = raw(rig, ends[0].release());
    REQUIRE(::write(ends[1].number(), "abc", 3) == 3);
    for (int i = 0; i < 3; ++i) {
        const auto before = reader.socket.told();
        reader.socket.arm_poll(reads);
        REQUIRE(rig.until([&] { return reader.socket.told() > before; }));
        reader.socket.arm_poll({});
        char one = 0;
        CHECK(::read(reader.number, &one, 1) == 1);
        rig.rest();
    }
    const auto before = reader.socket.told();
    reader.socket.arm_poll(reads);
    rig.rest();
    CHECK(reader.socket.told() == before);  // all was read
}

PROMISE("a poll for writing is told of when there is room, and not before") {
    if (!rig.can(Capability::system)) return;
    auto ends = open_pipe();
    const auto writer = raw(rig, ends[1].release());
    const Raw reader{ends[0].number(), writer.socket};
    for (int round = 0; round < 5; ++round) {
        const auto before = writer.socket.told();
        CHECK(writer.fill() > 0);
        writer.socket.arm_poll(writes);
        rig.rest();
        CHECK(writer.socket.told() == before);
        CHECK(reader.drain() > 0);
        REQUIRE(rig.until([&] { return writer.socket.told() > before; }));
        CHECK(writer.socket.readies.back().write);
        CHECK(!writer.socket.readies.back().read);
        writer.socket.arm_poll({});
    }
}

PROMISE("a poll for writing is told of at once where there is room, each time that it is armed") {
    if (!rig.can(Capability::system)) return;
    auto ends = open_pipe();
    const auto writer = raw(rig, ends[1].release());
    for (int round = 0; round < 5; ++round) {
        const auto before = writer.socket.told();
        writer.socket.arm_poll(writes);
        REQUIRE(rig.until([&] { return writer.socket.told() > before; }));
        writer.socket.arm_poll({});
        CHECK(::write(writer.number, "x", 1) == 1);
        rig.rest();
    }
}

PROMISE("a poll for both directions tells which") {
    if (!rig.can(Capability::system)) return;
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const Descriptor peer(ends[1], Descriptor::Kind::other);
    const auto ours = raw(rig, ends[0]);
    ours.socket.arm_poll({.read = true, .write = true});
    REQUIRE(rig.until([&] { return ours.socket.told() > 0; }));
    CHECK(ours.socket.readies[0].write);
    CHECK(!ours.socket.readies[0].read);
    ours.fill();
    ours.socket.arm_poll({.read = true, .write = true});
    rig.rest();
    const auto before = ours.socket.told();
    REQUIRE(::write(peer.number(), "x", 1) == 1);
    REQUIRE(rig.until([&] { return ours.socket.told() > before; }));
    CHECK(ours.is_readable());
    CHECK(!ours.socket.readies.back().write);
    ours.socket.arm_poll({});
}

PROMISE("a hang-up looks like readiness") {
    if (!rig.can(Capability::system)) return;
    auto ends = open_pipe();
    auto others = open_pipe();
    const auto reader = raw(rig, ends[0].release());
    const auto writer = raw(rig, others[1].release());
    reader.socket.arm_poll(reads);
    writer.socket.arm_poll(reads);  // there is nothing to read but the end
    rig.rest();
    CHECK(reader.socket.told() + writer.socket.told() == 0);
    ends[1].close();
    others[0].close();
    CHECK(rig.until([&] { return reader.is_readable() && writer.is_readable(); }));
    reader.socket.close();
    writer.socket.close();
}

PROMISE("a polled descriptor is closed inside its callback, with others that are ready") {
    if (!rig.can(Capability::system)) return;
    const auto first = open_event(rig), second = open_event(rig);
    for (const auto& event : {first, second}) {
        event.socket.then = [&] {
            first.socket.close();
            second.socket.close();
        };
        event.socket.arm_poll(reads);
        ring(event);
    }
    REQUIRE(rig.until([&] { return first.socket.is_closed(); }));
    rig.rest();
    CHECK(first.socket.told() + second.socket.told() == 1);
}

PROMISE("a polled descriptor leaves, and what has come is told elsewhere") {
    if (!rig.can(Capability::system)) return;
    const auto event = open_event(rig);
    event.socket.arm_poll(reads);
    rig.rest();
    ring(event);
    auto& elsewhere = rig.enter(1, event.socket.leave());
    elsewhere.arm_poll(reads);
    REQUIRE(rig.until([&] { return elsewhere.told() > 0; }));
    elsewhere.close();
    CHECK(event.socket.readies.empty());
}

PROMISE("a shared descriptor that is closed here tells nothing more, though it lives on") {
    if (!rig.can(Capability::system)) return;
    const int number = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const Descriptor same(::dup(number), Descriptor::Kind::other);
    Descriptor shared(number, Descriptor::Kind::other);
    shared.shared(true);
    auto& event = rig.enter(0, std::move(shared));
    event.arm_poll(reads);
    rig.rest();
    event.close();
    rig.rest();
    const auto next = open_event(rig);  // the same number, likely
    next.socket.arm_poll(reads);
    const std::uint64_t one = 1;
    REQUIRE(::write(same.number(), &one, sizeof one) == sizeof one);
    rig.rest();
    CHECK(next.socket.told() == 0);
}

PROMISE("a pipe is received from and sent to like a stream") {
    if (!rig.can(Capability::system)) return;
    auto ends = open_pipe();
    auto& reader = rig.enter(0, std::move(ends[0]));
    auto& writer = rig.enter(1, std::move(ends[1]));
    writer.write(bulk(500'000));
    rig.rest();
    CHECK(writer.unsent() > 0);
    for (const std::size_t credit : {1, 100, 5000}) {
        const auto before = reader.received.size();
        reader.arm_receive(credit);
        rig.rest();
        CHECK(reader.received.size() == before + credit);
    }
    reader.arm_receive();
    REQUIRE(rig.until([&] { return reader.received.size() == 500'000; }));
    CHECK((reader.received == text(500'000)));
    writer.close();
    REQUIRE(rig.until([&] { return reader.ends == 1; }));
    rig.rest();
    CHECK(reader.ends == 1);
}

PROMISE("the number 0 is a descriptor like any other") {
    if (!rig.can(Capability::system)) return;
    const int kept = ::fcntl(0, F_DUPFD_CLOEXEC, 100);
    ::close(0);
    auto ends = open_pipe();
    CHECK(ends[0].number() == 0);
    auto& reader = rig.enter(0, std::move(ends[0]));
    auto& other = rig.enter(0, Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), Descriptor::Kind::other));
    rig.rest();
    REQUIRE(::write(ends[1].number(), "abc", 3) == 3);
    rig.rest();
    other.close();
    rig.rest();
    for (const char* expected : {"abc", "abcabc", "abcabcabc"}) {
        reader.arm_receive();
        CHECK(rig.until([&] { return reader.received == expected; }));
        reader.arm_receive(0);
        REQUIRE(::write(ends[1].number(), "abc", 3) == 3);
        rig.rest();
    }
    reader.close();
    if (kept >= 0) {
        ::dup2(kept, 0);
        ::close(kept);
    }
}
