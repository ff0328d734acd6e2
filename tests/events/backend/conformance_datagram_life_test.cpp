// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <events/backend/datagrams.hpp>
#include <events/backend/worlds.hpp>
#include <sys/socket.h>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

PROMISE("a connected socket needs no addresses, and hears only its peer") {
    if (!rig.can(Capability::datagrams)) return;
    auto& right = rig.datagram(1);
    auto& left = rig.datagram(0, towards(rig.address(right)));
    auto& stranger = rig.datagram(1);
    const auto left_at = rig.address(left);
    right.arm_datagrams();
    left.arm_datagrams();
    stranger.send_datagrams(numbered(left_at, 3, 30));
    auto& sending = left.send_datagrams(numbered({}, 80, 30));
    REQUIRE(rig.until([&] { return sending.is_done() && right.datagrams.size() == 80; }));
    CHECK(sending.done.bytes == 80 * 30);
    CHECK(right.datagrams[0].peer == left_at);
    right.send_datagrams(numbered(left_at, 2, 40));
    REQUIRE(rig.until([&] { return left.datagrams.size() >= 2; }));
    rig.rest();
    CHECK(left.datagrams.size() == 2);
    CHECK(left.datagrams[0].data.size() == 40);
}

PROMISE("a connected socket is told that nobody is there, once, and goes on when it is armed again") {
    if (!rig.can(Capability::datagrams)) return;
    auto& gone = rig.datagram(1);
    const auto at = rig.address(gone);
    gone.close();
    rig.rest();
    auto& left = rig.datagram(0, towards(at));
    left.arm_datagrams();
    left.send_datagrams(numbered({}, 1, 10));
    REQUIRE(rig.until([&] { return !left.failures.empty(); }));
    rig.rest();
    CHECK(left.failures.size() == 1);
    CHECK(left.failures[0].code() == ECONNREFUSED);
    auto opened = rig.backend(1).open_datagram(at, {});
    REQUIRE(opened);
    auto& back = rig.enter(1, std::move(*opened));
    back.arm_datagrams();
    left.send_datagrams(numbered({}, 1, 10));
    REQUIRE(rig.until([&] { return !back.datagrams.empty(); }));
    back.send_datagrams(numbered(rig.address(left), 1, 20));
    rig.rest();
    CHECK(left.datagrams.empty());  // disarmed since
    left.arm_datagrams();
    CHECK(rig.until([&] { return left.datagrams.size() == 1; }));
}

PROMISE("a socket that is not connected does not hear that nobody is there") {
    if (!rig.can(Capability::datagrams)) return;
    auto& gone = rig.datagram(1);
    const auto at = rig.address(gone);
    gone.close();
    rig.rest();
    Two two(rig);
    two.left.send_datagrams(numbered(at, 3, 10));
    rig.rest();
    two.left.send_datagrams(numbered(two.right_at, 3, 10));
    REQUIRE(rig.until([&] { return two.right.datagrams.size() == 3; }));
    CHECK(two.left.told() <= 2);  // its sends, when they were pending
    CHECK(two.left.failures.empty());
}

PROMISE("disarmed, datagrams wait, and armed again they come") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig);
    for (std::size_t round = 1; round <= 5; ++round) {
        two.right.arm_datagrams(false);
        auto& sending = two.left.send_datagrams(numbered(two.right_at, 20, 10));
        REQUIRE(rig.until([&] { return sending.is_done(); }));
        rig.rest();
        CHECK(two.right.datagrams.size() == (round - 1) * 20);
        two.right.arm_datagrams();
        REQUIRE(rig.until([&] { return two.right.datagrams.size() == round * 20; }));
    }
}

PROMISE("a datagram socket is disarmed and closed inside its callback") {
    if (!rig.can(Capability::datagrams)) return;
    for (const bool closes : {false, true}) {
        Two two(rig);
        two.right.then = [&] {
            if (closes)
                two.right.close();
            else
                two.right.arm_datagrams(false);
        };
        two.left.send_datagrams(growing(two.right_at, 100));  // more than one batch
        REQUIRE(rig.until([&] { return two.right.batches == 1; }));
        rig.rest();
        CHECK(two.right.batches == 1);
        if (closes || two.right.datagrams.size() == 100) continue;
        two.right.then = {};
        two.right.arm_datagrams();
        CHECK(rig.until([&] { return two.right.datagrams.size() == 100; }));
    }
}

PROMISE("another datagram socket that has something ready too is closed inside a callback") {
    if (!rig.can(Capability::datagrams)) return;
    Two one(rig), other(rig);
    one.right.then = [&] { other.right.close(); };
    other.right.then = [&] { one.right.close(); };
    one.left.send_datagrams(numbered(one.right_at, 3, 10));
    other.left.send_datagrams(numbered(other.right_at, 3, 10));
    REQUIRE(rig.until([&] { return one.right.batches + other.right.batches > 0; }));
    rig.rest();
    CHECK((one.right.batches == 0 || other.right.batches == 0));
}

PROMISE("an answer is sent inside the callback") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig);
    two.right.then = [&] {
        if (two.right.datagrams.empty()) return;
        std::vector<Datagram> answers;
        for (auto& message : std::exchange(two.right.datagrams, {}))
            answers.push_back(to(message.peer, "echo of " + message.data));
        two.right.send_datagrams(std::move(answers));
    };
    for (std::size_t i = 0; i < 50; ++i) {
        auto& sending = two.left.send_datagrams(only(two.right_at, std::to_string(i)));
        REQUIRE(rig.until([&] { return sending.is_done() && two.left.datagrams.size() == i + 1; }));
        CHECK(two.left.datagrams[i].data == "echo of " + std::to_string(i));
        rig.rest();
    }
}

PROMISE("one datagram socket does not hold a turn for ever, not even by empty datagrams") {
    if (!rig.can(Capability::datagrams)) return;
    constexpr std::size_t turn_max = 4096;
    for (const std::size_t size : {0, 1, 100}) {
        CAPTURE(size);
        Two two(rig);
        auto& feeder = rig.datagram(1);
        std::size_t sent = 64, seen = 0, most = 0;
        two.right.then = [&] {  // as many again as have come
            const auto count = two.right.datagrams.size() - std::exchange(seen, two.right.datagrams.size());
            std::vector<Datagram> more;
            for (std::size_t i = 0; i < count; ++i) more.push_back(to(two.right_at, text(size)));
            if (sent < 20'000 && !feeder.is_sending()) feeder.send_datagrams(std::move(more));
            sent += count;
        };
        std::vector<Datagram> first;
        for (std::size_t i = 0; i < 64; ++i) first.push_back(to(two.right_at, text(size)));
        two.left.send_datagrams(std::move(first));
        for (int turn = 0; turn < 50; ++turn) {
            const auto before = two.right.datagrams.size();
            rig.turn();
            most = std::max(most, two.right.datagrams.size() - before);
        }
        CHECK(most <= turn_max);
        two.right.then = {};
        rig.rest();
        feeder.close();
    }
}

PROMISE("datagrams leave with their socket") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig);
    two.right.arm_datagrams(false);
    two.left.send_datagrams(numbered(two.right_at, 5, 10));
    rig.rest();
    auto& elsewhere = rig.enter(0, two.right.leave());
    elsewhere.arm_datagrams();
    REQUIRE(rig.until([&] { return elsewhere.datagrams.size() == 5; }));
    CHECK(rig.address(elsewhere) == two.right_at);
    CHECK(two.right.told() == 0);
}

PROMISE("datagram sockets share a port when they say so, and only then") {
    if (!rig.can(Capability::datagrams)) return;
    auto& first = rig.datagram(0, sharing);
    const auto at = rig.address(first);
    const auto second = rig.backend(0).open_datagram(at, sharing);
    CHECK(second);
    const auto third = rig.backend(0).open_datagram(at, {});
    REQUIRE(!third);
    CHECK(third.error().code() == EADDRINUSE);
}

// On the way to a peer of the same machine datagrams never wait; those of a pair of unix sockets do. They are
// not merged, as UDP's are.

namespace {

struct Tight {
    Socket &left, &right;
};

Tight tight(Rig& rig) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    return {rig.enter(0, Descriptor(ends[0], Descriptor::Kind::datagram)),
            rig.enter(1, Descriptor(ends[1], Descriptor::Kind::datagram))};
}

bool are_growing(const std::vector<Message>& messages) {
    for (std::size_t i = 0; i < messages.size(); ++i)
        if (messages[i].data != text(i + 1, i)) return false;
    return true;
}

}  // namespace

PROMISE("datagrams that the system does not take yet are pending, and go when it does") {
    if (!rig.can(Capability::system)) return;
    auto [left, right] = tight(rig);
    auto& sending = left.send_datagrams(growing({}, 300));
    rig.rest();
    CHECK(!sending.is_done());
    right.arm_datagrams();
    REQUIRE(rig.until([&] { return sending.is_done(); }));
    CHECK(sending.done.bytes == 300 * 301 / 2);
    CHECK(!sending.done.error);
    CHECK(sending.datagrams.empty());
    REQUIRE(rig.until([&] { return right.datagrams.size() == 300; }));
    CHECK(are_growing(right.datagrams));
}

PROMISE("cancelled, the datagrams that are left are still there, and the others have gone") {
    if (!rig.can(Capability::system)) return;
    auto [left, right] = tight(rig);
    auto& sending = left.send_datagrams(growing({}, 300));
    rig.rest();
    REQUIRE(!sending.is_done());
    left.cancel(sending);
    REQUIRE(rig.until([&] { return sending.is_done(); }));
    CHECK(sending.done.error.code() == ECANCELED);
    CHECK(!sending.datagrams.empty());
    const auto gone = 300 - sending.datagrams.size();
    CHECK(sending.done.bytes == gone * (gone + 1) / 2);
    right.arm_datagrams();
    REQUIRE(rig.until([&] { return right.datagrams.size() >= gone; }));
    rig.rest();
    CHECK(right.datagrams.size() == gone);
    left.send_datagrams(std::exchange(sending.datagrams, {}));
    REQUIRE(rig.until([&] { return right.datagrams.size() == 300; }));
    CHECK(are_growing(right.datagrams));
}

PROMISE("pending datagrams of a closed entry are swallowed, once and soon") {
    if (!rig.can(Capability::system)) return;
    auto [left, right] = tight(rig);
    auto& sending = left.send_datagrams(growing({}, 300));
    rig.rest();
    left.close();
    for (int i = 0; i < 5; ++i) rig.turn(1ms);
    CHECK(sending.completions == 1);
    CHECK(sending.is_swallowed);
    rig.rest();
    CHECK(sending.completions == 1);
}
