// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <utility>

#include <events/backend/worlds.hpp>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

PROMISE("a send completes once, with the bytes that were taken and the others left") {
    auto [client, server] = rig.connected();
    server.arm_receive();
    std::size_t sent = 0;
    for (const std::size_t size : {1, 2, 1000, 16'384, 16'385, 300'000}) {
        CAPTURE(size);
        auto& sending = client.send(bulk(size, sent));  // the sum is checked at its completion
        REQUIRE(rig.until([&] { return sending.is_done(); }));
        CHECK(!sending.done.error);
        CHECK(sending.done.bytes > 0);
        sent += sending.done.bytes;
        REQUIRE(rig.until([&] { return server.received.size() == sent; }));
    }
    CHECK((server.received == text(sent)));
}

PROMISE("a chain is sent whole and in order, however many slices it has") {
    for (const std::size_t count : {1, 2, 63, 64, 65, 128, 129, 1000, 2500}) {
        CAPTURE(count);
        auto [client, server] = rig.connected();
        server.arm_receive();
        client.write(pieces(count * 3, 3));
        REQUIRE(rig.until([&] { return server.received.size() == count * 3; }));
        CHECK((server.received == text(count * 3)));
        CHECK(client.unsent() == 0);
    }
}

PROMISE("slices of very different sizes are sent in order") {
    auto [client, server] = rig.connected();
    server.arm_receive();
    Chain chain;
    std::size_t size = 0;
    for (const std::size_t piece : {1, 16'000, 3, 60'000, 1, 1, 512, 16'384, 2, 64'000, 5}) {
        chain.append(pieces(piece, piece, size));
        size += piece;
    }
    client.write(std::move(chain));
    REQUIRE(rig.until([&] { return server.received.size() == size; }));
    CHECK((server.received == text(size)));
}

PROMISE("a peer that does not read makes a send pend, and one that reads lets it go on") {
    auto [client, server] = rig.connected();
    const auto [taken, pending] = rig.fill(client);
    rig.rest();
    CHECK(!pending->is_done());
    server.arm_receive();
    REQUIRE(rig.until([&] { return pending->is_done(); }));
    CHECK(!pending->done.error);
    client.write(std::exchange(pending->data, {}));  // what a short one left
    const auto all = taken + pending->whole;
    REQUIRE(rig.until([&] { return server.received.size() == all; }));
    CHECK((server.received == text(all)));
}

PROMISE("a cancelled send says what was taken, and the rest is still in the operation") {
    auto [client, server] = rig.connected();
    const auto [taken, pending] = rig.fill(client);
    client.cancel(*pending);
    CHECK(!pending->is_done());
    REQUIRE(rig.until([&] { return pending->is_done(); }));
    CHECK(pending->done.error.code() == ECANCELED);
    CHECK(!pending->is_swallowed);
    CHECK(!pending->data.empty());
    const auto sent = taken + pending->done.bytes;
    server.arm_receive();
    REQUIRE(rig.until([&] { return server.received.size() >= sent; }));
    rig.rest();
    CHECK(server.received.size() == sent);
    client.write(std::exchange(pending->data, {}));
    REQUIRE(rig.until([&] { return server.received.size() == taken + pending->whole; }));
    CHECK((server.received == text(taken + pending->whole)));
    CHECK(pending->completions == 1);
}

PROMISE("a send is cancelled while its peer reads, and nothing is lost or sent twice") {
    auto [client, server] = rig.connected();
    server.arm_receive();
    constexpr std::size_t all = 24'000'000;  // more than the system takes at once
    std::size_t sent = 0, cancelled = 0;
    for (int round = 0; round < 10'000 && sent < all; ++round) {
        auto& sending = client.send(bulk(all - sent, sent));
        if (!sending.is_done()) {
            if (round % 2 != 0) rig.turn();
            if (!sending.is_done()) {
                client.cancel(sending);
                ++cancelled;
            }
            REQUIRE(rig.until([&] { return sending.is_done(); }));
        }
        sent += sending.done.bytes;
    }
    REQUIRE(sent == all);
    REQUIRE(rig.until([&] { return server.received.size() == all; }));
    CHECK((server.received == text(all)));
    CHECK(cancelled > 0);
}

PROMISE("a pending send of a closed entry is swallowed, once and soon") {
    for (const bool reset : {false, true}) {
        auto [client, server] = rig.connected();
        auto* const pending = rig.fill(client).second;
        client.close(reset);
        for (int i = 0; i < 5; ++i) rig.turn(1ms);
        CHECK(pending->completions == 1);
        CHECK(pending->is_swallowed);
        rig.rest();
        CHECK(pending->completions == 1);
    }
}

PROMISE("a send that is cancelled and then closed completes once") {
    auto [client, server] = rig.connected();
    auto* const pending = rig.fill(client).second;
    client.cancel(*pending);
    client.close();
    for (int i = 0; i < 5; ++i) rig.turn(1ms);
    CHECK(pending->completions == 1);
    rig.rest();
    CHECK(pending->completions == 1);
}

PROMISE("a pending send fails when its peer resets") {
    auto [client, server] = rig.connected();
    auto* const pending = rig.fill(client).second;
    server.close(true);
    REQUIRE(rig.until([&] { return pending->is_done(); }));
    CHECK(pending->done.error);
    rig.rest();
    CHECK(pending->completions == 1);
}

PROMISE("sends to a peer that has gone fail at last, each once") {
    auto [client, server] = rig.connected();
    server.close(true);
    rig.rest();
    int failed = 0;
    for (int i = 0; i < 20 && failed < 3; ++i) {
        auto& sending = client.send("anybody there?");
        REQUIRE(rig.until([&] { return sending.is_done(); }));
        if (sending.done.error) ++failed;
        rig.rest();
    }
    CHECK(failed == 3);
}

PROMISE("both directions are full at the same time, and all arrives") {
    constexpr std::size_t all = 2'000'000;
    for (const std::size_t to : {0, 1}) {
        auto [client, server] = rig.connected(0, to);
        client.write(bulk(all));
        server.write(bulk(all, 77));
        rig.rest();
        client.arm_receive();
        server.arm_receive();
        REQUIRE(rig.until([&] { return client.received.size() == all && server.received.size() == all; }));
        CHECK((server.received == text(all)));
        CHECK((client.received == text(all, 77)));
    }
}

PROMISE("the next send is submitted inside the completion of the one before") {
    auto [client, server] = rig.connected();
    server.arm_receive(1000);
    std::size_t completed = 0, all = 0;
    client.then = [&] { ++completed; };
    for (int i = 0; i < 12; ++i) {
        client.write(bulk(1'000'000, all));
        all += 1'000'000;
        if (i == 5) rig.rest();
    }
    server.arm_receive();
    REQUIRE(rig.until([&] { return server.received.size() == all; }));
    CHECK((server.received == text(all)));
    CHECK(completed > 0);
    CHECK(client.send_failures.empty());
}

PROMISE("an operation is used again at once, inside its completion") {
    auto [client, server] = rig.connected();
    const auto [taken, pending] = rig.fill(client);
    auto& again = *pending;
    std::size_t rounds = 0, sent = taken;
    client.then = [&] {
        while (again.is_done() && rounds < 10) {
            ++rounds;
            sent += again.done.bytes;
            again.data = bulk(10'000, sent);
            client.submit(again);
        }
    };
    server.arm_receive();
    REQUIRE(rig.until([&] { return rounds == 10 && again.is_done(); }));
    client.then = {};
    rig.rest();
    const auto all = sent + again.done.bytes;
    CHECK(server.received.size() == all);
    CHECK((server.received == text(all)));
}

PROMISE("what was sent before close() arrives, and then the end") {
    auto [client, server] = rig.connected();
    auto& sending = client.send(bulk(50'000));
    REQUIRE(rig.until([&] { return sending.is_done(); }));
    client.close();
    rig.rest();
    server.arm_receive();
    REQUIRE(rig.until([&] { return server.ends == 1; }));
    CHECK((server.received == text(sending.done.bytes)));
    CHECK(server.failures.empty());
}
