// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <limits>

#include <events/backend/worlds.hpp>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

PROMISE("a receive takes as much as its credit, to the byte, and no more when there is more") {
    constexpr std::size_t all = 400'000;
    auto [client, server] = rig.connected();
    client.write(bulk(all));
    std::size_t granted = 0;
    for (const std::size_t credit :
         {1, 1, 2, 7, 511, 512, 4095, 4096, 4097, 16'383, 16'384, 16'385, 65'536, 100'000}) {
        CAPTURE(credit);
        granted += credit;
        server.arm_receive(credit);
        REQUIRE(rig.until([&] { return server.received.size() >= granted; }));
        rig.rest();
        CHECK(server.received.size() == granted);
    }
    server.arm_receive();
    REQUIRE(rig.until([&] { return server.received.size() == all; }));
    CHECK((server.received == text(all)));
}

PROMISE("a credit is replaced by the next one, before it is spent and when it is") {
    auto [client, server] = rig.connected();
    auto receives = [&](std::size_t more) {
        const auto before = server.received.size();
        rig.rest();
        CHECK(server.received.size() == before + more);
    };
    server.arm_receive(1000);
    client.write(pieces(400, 400));
    receives(400);
    server.arm_receive(1000);  // 600 were left
    client.write(pieces(2000, 2000, 400));
    receives(1000);
    receives(0);
    server.arm_receive(500);
    server.arm_receive(100);
    receives(100);
    server.arm_receive(500);
    server.arm_receive(0);
    receives(0);
    server.arm_receive(899);
    receives(899);
    server.arm_receive(1);
    receives(1);
    CHECK((server.received == text(2400)));
}

PROMISE("a credit is changed inside the callback") {
    auto [client, server] = rig.connected();
    client.write(bulk(100'000));
    std::size_t granted = 10;
    server.then = [&] {
        REQUIRE(server.received.size() <= granted);
        if (server.received.size() < granted) return;
        if (granted >= 50'000) return;
        server.arm_receive(granted);  // twice as much
        granted *= 2;
    };
    server.arm_receive(granted);
    REQUIRE(rig.until([&] { return server.received.size() >= 50'000; }));
    rig.rest();
    CHECK(server.received.size() == granted);
    server.then = [&] { server.arm_receive(0); };
    const auto before = server.deliveries();
    server.arm_receive();
    rig.rest();
    CHECK(server.deliveries() == before + 1);  // the first one disarmed it
    CHECK((server.received == text(server.received.size())));
}

PROMISE("a credit without limit is one, and the largest number too") {
    for (const std::size_t credit : {Backend::credit_unlimited, std::numeric_limits<std::size_t>::max()}) {
        auto [client, server] = rig.connected();
        server.arm_receive(credit);
        client.write(bulk(1'000'000));
        REQUIRE(rig.until([&] { return server.received.size() == 1'000'000; }));
        CHECK((server.received == text(1'000'000)));
    }
}

PROMISE("without credit data waits unread, and its sender with it") {
    auto [client, server] = rig.connected();
    const auto [taken, pending] = rig.fill(client);
    CHECK(server.told() == 0);
    CHECK(!pending->is_done());
    server.arm_receive();
    REQUIRE(rig.until([&] { return pending->is_done(); }));
    const auto sent = taken + pending->done.bytes;
    REQUIRE(rig.until([&] { return server.received.size() == sent; }));
    CHECK((server.received == text(sent)));
}

PROMISE("without credit neither an end nor a hang-up is told, and then the end comes once") {
    for (const bool is_closed : {false, true}) {
        auto [client, server] = rig.connected();
        if (is_closed)
            client.close();
        else
            client.finish();
        rig.rest();
        CHECK(server.told() == 0);
        server.arm_receive(1);
        REQUIRE(rig.until([&] { return server.told() > 0; }));
        rig.rest();
        CHECK(server.ends == 1);
        CHECK(server.told() == 1);
    }
}

PROMISE("the end comes once, behind the last byte, and not before there is credit for it") {
    for (const std::size_t size : {1, 100, 16'384, 50'000}) {
        CAPTURE(size);
        auto [client, server] = rig.connected();
        client.write(bulk(size));
        REQUIRE(rig.until([&] { return client.unsent() == 0; }));
        client.finish();
        server.arm_receive(size);
        REQUIRE(rig.until([&] { return server.received.size() == size; }));
        rig.rest();
        CHECK(server.ends == 0);  // its credit is spent
        server.then = [&] { CHECK((server.ends == 0 || server.received.size() == size)); };
        server.arm_receive(1);
        REQUIRE(rig.until([&] { return server.ends == 1; }));
        rig.rest();
        CHECK(server.ends == 1);
        CHECK((server.received == text(size)));
        CHECK(server.failures.empty());
    }
}

PROMISE("the end comes with the rest of the data when there is credit for both") {
    auto [client, server] = rig.connected();
    server.arm_receive();
    client.write(bulk(200'000));
    REQUIRE(rig.until([&] { return client.unsent() == 0; }));
    client.close();
    REQUIRE(rig.until([&] { return server.ends == 1; }));
    rig.rest();
    CHECK(server.ends == 1);
    CHECK((server.received == text(200'000)));
    CHECK(server.failures.empty());
}

PROMISE("a reset is told once, as a failure") {
    for (const bool is_armed : {false, true}) {
        auto [client, server] = rig.connected();
        if (is_armed) server.arm_receive();
        rig.rest();
        client.close(true);
        rig.rest();
        if (!is_armed) {
            CHECK(server.told() == 0);
            server.arm_receive(5);
        }
        REQUIRE(rig.until([&] { return !server.failures.empty(); }));
        rig.rest();
        REQUIRE(server.failures.size() == 1);
        CHECK(server.failures[0].code() == ECONNRESET);
        CHECK(server.ends == 0);
        CHECK(server.told() == 1);
    }
}

PROMISE("to close with unread data resets the connection") {
    auto [client, server] = rig.connected();
    client.arm_receive();
    client.write(pieces(100, 100));
    rig.rest();
    server.close();
    REQUIRE(rig.until([&] { return client.told() > 0 && (client.ends > 0 || !client.failures.empty()); }));
    rig.rest();
    REQUIRE(client.failures.size() == 1);
    CHECK(client.failures[0].code() == ECONNRESET);
    CHECK(client.ends == 0);
}

PROMISE("what was received does not change while it is kept") {
    auto [client, server] = rig.connected();
    server.keeps = true;
    server.arm_receive();
    for (std::size_t at = 0; at < 300'000; at += 1000) {
        client.write(pieces(1000, 1000, at));
        rig.turn();
    }
    REQUIRE(rig.until([&] { return server.received.size() == 300'000; }));
    std::string kept;
    for (const auto& slice : server.kept) kept += slice.text();
    CHECK((kept == text(300'000)));
}

PROMISE("small pieces keep their order, whatever the turns between them") {
    auto [client, server] = rig.connected();
    server.arm_receive();
    std::size_t at = 0;
    for (std::size_t size = 1; size < 200; size += 3) {
        client.write(pieces(size, 1 + size % 7, at));
        at += size;
        if (size % 4 == 0) rig.turn();
    }
    REQUIRE(rig.until([&] { return server.received.size() == at; }));
    CHECK((server.received == text(at)));
}

PROMISE("data that comes and goes is told each time, with no edge lost") {
    auto [client, server] = rig.connected(1, 1);
    server.arm_receive();
    client.arm_receive();
    for (std::size_t round = 0; round < 200; ++round) {
        client.write(text(10, 10 * round));
        REQUIRE(rig.until([&] { return server.received.size() == 10 * (round + 1); }));
        server.write(text(10, 10 * round));
        REQUIRE(rig.until([&] { return client.received.size() == 10 * (round + 1); }));
    }
    CHECK((server.received == text(2000)));
    CHECK((client.received == text(2000)));
}

PROMISE("a receive that is armed and disarmed at each turn loses nothing") {
    auto [client, server] = rig.connected();
    client.write(bulk(100'000));
    bool is_armed = false;
    const bool all = rig.until([&] {
        is_armed = !is_armed;
        server.arm_receive(is_armed ? 3000 : 0);
        return server.received.size() == 100'000;
    });
    REQUIRE(all);
    CHECK((server.received == text(100'000)));
}
