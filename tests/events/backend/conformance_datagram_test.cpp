// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <events/backend/datagrams.hpp>
#include <events/backend/worlds.hpp>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

PROMISE("datagrams go to and fro, each with its sender") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig);
    auto& sending = two.left.send_datagrams(only(two.right_at, "ping"));
    REQUIRE(rig.until([&] { return sending.is_done() && !two.right.datagrams.empty(); }));
    CHECK(sending.done.bytes == 4);
    CHECK(!sending.done.error);
    CHECK(sending.datagrams.empty());
    CHECK(two.right.datagrams[0].data == "ping");
    CHECK(two.right.datagrams[0].peer == two.left_at);
    two.right.send_datagrams(only(two.right.datagrams[0].peer, "pong"));
    REQUIRE(rig.until([&] { return !two.left.datagrams.empty(); }));
    CHECK(two.left.datagrams[0].data == "pong");
    CHECK(two.left.datagrams[0].peer == two.right_at);
}

PROMISE("without faults datagrams keep their order") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig);
    for (std::size_t i = 0; i < 100; ++i) {
        auto& sending = two.left.send_datagrams(only(two.right_at, text(1 + i * 37 % 400, i)));
        REQUIRE(rig.until([&] { return sending.is_done(); }));
    }
    REQUIRE(rig.until([&] { return two.right.datagrams.size() == 100; }));
    for (std::size_t i = 0; i < 100; ++i) CHECK((two.right.datagrams[i].data == text(1 + i * 37 % 400, i)));
}

PROMISE("empty datagrams arrive, alone and between others") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig);
    std::vector<Datagram> sent;
    for (const char* text : {"", "a", "", "", "bb", "cc", "", "dd", ""})
        sent.push_back(to(two.right_at, text));
    auto& sending = two.left.send_datagrams(std::move(sent));
    REQUIRE(rig.until([&] { return two.right.datagrams.size() == 9 && sending.is_done(); }));
    CHECK(sending.done.bytes == 7);
    CHECK(std::ranges::count(two.right.datagrams, std::string(), &Message::data) == 5);
    CHECK((sorted(two.right) == std::vector<std::string>{"", "", "", "", "", "a", "bb", "cc", "dd"}));
}

PROMISE("200 datagrams of one size to one peer arrive as 200") {
    if (!rig.can(Capability::datagrams)) return;
    for (const std::size_t size : {1, 100, 500, 1200}) {
        CAPTURE(size);
        Two two(rig, roomy);
        auto& sending = two.left.send_datagrams(numbered(two.right_at, 200, size));
        REQUIRE(rig.until([&] { return sending.is_done(); }));
        CHECK(sending.done.bytes == 200 * size);
        REQUIRE(rig.until([&] { return two.right.datagrams.size() >= 200; }));
        rig.rest();
        REQUIRE(two.right.datagrams.size() == 200);
        std::vector<std::string> expected;
        for (auto& datagram : numbered(two.right_at, 200, size)) expected.emplace_back(datagram.data.text());
        std::ranges::sort(expected);
        CHECK((sorted(two.right) == expected));
        for (const auto& message : two.right.datagrams) CHECK(message.peer == two.left_at);
    }
}

PROMISE("datagrams of mixed sizes to several peers arrive where they should") {
    if (!rig.can(Capability::datagrams)) return;
    auto& sender = rig.datagram(0);
    std::array<Socket*, 3> receivers{};
    std::array<Address, 3> at;
    for (std::size_t i = 0; i < 3; ++i) {
        receivers[i] = &rig.datagram(1, roomy);
        at[i] = rig.address(*receivers[i]);
        receivers[i]->arm_datagrams();
    }
    std::vector<Datagram> sent;
    std::array<std::vector<std::string>, 3> expected;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < 150; ++i) {  // runs of equal sizes, shorter and longer ones behind them
        const auto peer = i / 5 % 3;
        const std::size_t size = i % 11 == 0 ? 700 : i % 7 == 0 ? 3 : 200;
        bytes += size;
        expected[peer].push_back(text(size, i));
        sent.push_back(to(at[peer], expected[peer].back()));
    }
    auto& sending = sender.send_datagrams(std::move(sent));
    for (std::size_t i = 0; i < 3; ++i) {
        REQUIRE(rig.until([&] { return receivers[i]->datagrams.size() >= 50; }));
        std::ranges::sort(expected[i]);
        CHECK((sorted(*receivers[i]) == expected[i]));
    }
    CHECK(sending.done.bytes == bytes);
    CHECK(sending.refused == 0);
}

PROMISE("datagrams are up to 65,507 bytes long") {
    if (!rig.can(Capability::datagrams)) return;
    for (const std::size_t size :
         {1400, 1500, 9000, 16'383, 16'384, 32'000, 32'501, 65'000, 65'506, 65'507}) {
        CAPTURE(size);
        Two two(rig, roomy);
        std::vector<Datagram> sent;
        for (std::size_t i = 0; i < 3; ++i) sent.push_back(to(two.right_at, text(size, i)));
        auto& sending = two.left.send_datagrams(std::move(sent));
        REQUIRE(rig.until([&] { return two.right.datagrams.size() == 3; }));
        CHECK(!sending.done.error);
        auto expected = std::vector<std::string>{text(size), text(size, 1), text(size, 2)};
        std::ranges::sort(expected);
        CHECK((sorted(two.right) == expected));
    }
}

PROMISE("a datagram that is refused is dropped, and the others go") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig, roomy);
    for (const std::size_t bad : {0, 3, 9}) {
        auto sent = numbered(two.right_at, 10, 50);
        sent[bad].data = Slice::copy(text(datagram_bytes_max + 1));
        const auto before = two.right.datagrams.size();
        auto& sending = two.left.send_datagrams(std::move(sent));
        REQUIRE(rig.until([&] { return sending.is_done(); }));
        CHECK(sending.done.bytes == 9 * 50);
        CHECK(sending.refused == 1);
        CHECK(sending.done.error.code() == EMSGSIZE);
        CHECK(sending.datagrams.empty());
        REQUIRE(rig.until([&] { return two.right.datagrams.size() == before + 9; }));
    }
    rig.rest();
    CHECK(two.right.datagrams.size() == 27);
    CHECK(two.left.failures.empty());
}

PROMISE("a batch of which all are refused completes too") {
    if (!rig.can(Capability::datagrams)) return;
    Two two(rig);
    for (const auto& peer : {Address("[::1]:9"), two.right_at}) {
        auto sent = numbered(peer, 5, 50);
        for (auto& datagram : sent)
            if (peer == two.right_at) datagram.data = Slice::copy(text(70'000));
        auto& sending = two.left.send_datagrams(std::move(sent));
        REQUIRE(rig.until([&] { return sending.is_done(); }));
        CHECK(sending.done.bytes == 0);
        CHECK(sending.refused == 5);
        CHECK(sending.done.error);
        CHECK(sending.datagrams.empty());
    }
    two.left.send_datagrams(numbered(two.right_at, 1, 50));
    CHECK(rig.until([&] { return two.right.datagrams.size() == 1; }));
}
