// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include <events/backend/worlds.hpp>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

namespace {

/// From its next callback on it hears nothing, which it checks itself.
void closes(Socket& socket, bool reset = false) {
    socket.then = [&socket, reset] { socket.close(reset); };
}

}  // namespace

PROMISE("nothing is called back inside a call, though all is ready") {
    auto [client, server] = rig.connected(0, 0);
    auto [busy, unread] = rig.connected(0, 0);
    auto& listening = rig.listen(0);
    listening.arm_accept(false);
    auto& waiting = rig.stream(0, rig.address(listening));
    waiting.connect(rig.address(listening));
    client.write(bulk(1000));
    auto* const pending = rig.fill(busy).second;
    rig.rest();
    const auto told = rig.side(0).told();
    server.arm_receive();
    server.arm_receive(3);
    server.arm_receive(0);
    server.arm_receive();
    listening.arm_accept();
    for (int i = 0; i < 20; ++i) client.write(pieces(10, 10, 1000));
    auto& connecting = rig.stream(0, rig.address(listening));
    connecting.connect(rig.address(listening));
    busy.cancel(*pending);
    unread.arm_receive();
    server.finish();
    unread.close(true);
    listening.close();
    for (auto* socket : {&waiting, &connecting, &client, &server}) socket->close();
    CHECK(rig.side(0).told() == told);  // a call that is told anything fails by itself too
    rig.rest();
    CHECK(pending->completions == 1);
}

PROMISE("a socket is closed inside its callback about data") {
    for (const bool reset : {false, true}) {
        auto [client, server] = rig.connected();
        client.write(bulk(100'000));
        rig.rest();
        closes(server, reset);
        server.arm_receive();
        REQUIRE(rig.until([&] { return server.is_closed(); }));
        rig.rest();
        CHECK(server.told() == 1);
    }
}

PROMISE("a socket is closed inside its callback about the end, and about a failure") {
    for (const bool reset : {false, true}) {
        auto [client, server] = rig.connected();
        closes(server);
        server.arm_receive();
        client.close(reset);
        REQUIRE(rig.until([&] { return server.is_closed(); }));
        rig.rest();
        CHECK(server.told() == 1);
    }
}

PROMISE("a listening socket is closed inside its callback") {
    auto& listening = rig.listen(1);
    const auto address = rig.address(listening);
    for (int i = 0; i < 5; ++i) rig.stream(0, address).connect(address);
    closes(listening);
    REQUIRE(rig.until([&] { return listening.is_closed(); }));
    rig.rest();
    CHECK(listening.accepted.size() == 1);
}

PROMISE("a socket is closed inside the completion of its connect, refused or not") {
    for (const bool is_refused : {false, true}) {
        auto& listening = rig.listen(1);
        const auto address = rig.address(listening);
        if (is_refused) listening.close();
        auto& client = rig.stream(0, address);
        closes(client);
        auto& connecting = client.connect(address);
        REQUIRE(rig.until([&] { return connecting.is_done(); }));
        client.close();  // when it was answered at once
        rig.rest();
        CHECK(client.told() <= 1);
        CHECK(connecting.completions == 1);
    }
}

PROMISE("a socket is closed inside the completion of its send, with data waiting for it") {
    auto [client, server] = rig.connected();
    server.write(bulk(10'000));
    auto* const pending = rig.fill(client).second;
    rig.rest();
    client.then = [&] {
        if (pending->is_done()) client.close();
    };
    server.arm_receive();
    client.arm_receive(1);
    REQUIRE(rig.until([&] { return client.is_closed(); }));
    rig.rest();
    CHECK(pending->completions == 1);
    CHECK(!pending->is_swallowed);
}

PROMISE("another socket that has something ready too is closed inside a callback") {
    for (const std::size_t closer : {0, 1, 2}) {
        std::array<Socket*, 3> clients{}, servers{};
        std::size_t told = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            auto [client, server] = rig.connected();
            clients[i] = &client;
            servers[i] = &server;
            client.write(pieces(100, 100));
        }
        rig.rest();
        for (auto* server : servers) {
            server->then = [&, server] {
                ++told;
                for (auto* other : servers)
                    if (other != server) other->close(closer == 2);
            };
            server->arm_receive();
        }
        REQUIRE(rig.until([&] { return told > 0; }));
        rig.rest();
        CHECK(told == 1);  // whichever was first
        CHECK(std::ranges::count_if(servers, [](auto* server) { return server->is_closed(); }) == 2);
    }
}

PROMISE("another socket with a pending operation is closed inside a callback, and that is swallowed") {
    auto [busy, unread] = rig.connected();
    auto [client, server] = rig.connected(1, 0);
    auto* const pending = rig.fill(busy).second;
    server.then = [&] { busy.close(); };
    server.arm_receive();
    client.write("now");
    REQUIRE(rig.until([&] { return busy.is_closed(); }));
    for (int i = 0; i < 5; ++i) rig.turn(1ms);
    CHECK(pending->completions == 1);
    CHECK(pending->is_swallowed);
}

PROMISE("sockets are opened inside a callback that closes others, and hear nothing of those") {
    auto& listening = rig.listen(1);
    const auto address = rig.address(listening);
    auto [client, server] = rig.connected();
    auto [other, other_server] = rig.connected();
    client.write(pieces(50, 50));
    other.write(pieces(50, 50));
    rig.rest();
    Socket* fresh = nullptr;
    auto replace = [&] {
        server.close();
        other_server.close();  // both numbers are free now, and used again at once
        fresh = &rig.stream(1, address);
        fresh->arm_receive(0);
        fresh->connect(address);
    };
    server.then = other_server.then = replace;
    server.arm_receive();
    other_server.arm_receive();
    REQUIRE(rig.until([&] { return fresh != nullptr && !listening.accepted.empty(); }));
    rig.rest();
    fresh->arm_receive();
    rig.rest();
    CHECK(fresh->received.empty());
    CHECK(fresh->ends == 0);
    CHECK(fresh->failures.empty());
    CHECK(server.received.size() + other_server.received.size() == 50);
}

PROMISE("numbers are used again at once, and no event of the old socket reaches the new one") {
    auto& listening = rig.listen(1);
    const auto address = rig.address(listening);
    for (int round = 0; round < 30; ++round) {
        auto& old = rig.stream(0, address);
        auto& connecting = old.connect(address);
        REQUIRE(rig.until([&] { return connecting.is_done() && !listening.accepted.empty(); }));
        auto& server = rig.enter(1, std::move(listening.accepted.back()));
        listening.accepted.clear();
        server.write("for the old one");
        if (round % 2 == 0) rig.turn();
        if (round % 3 == 0) server.close();
        old.close(round % 5 == 0);
        auto& fresh = rig.stream(0, address);
        auto& again = fresh.connect(address);
        REQUIRE(rig.until([&] { return again.is_done() && !listening.accepted.empty(); }));
        CHECK(!again.done.error);
        listening.accepted.clear();  // closes it
        fresh.arm_receive();
        REQUIRE(rig.until([&] { return fresh.ends + fresh.failures.size() > 0; }));
        CHECK(fresh.received.empty());
        CHECK(fresh.ends == 1);
        CHECK(fresh.failures.empty());
        fresh.close();
        server.close();
    }
}

PROMISE("a thousand entries come and go, and each hears its own") {
    auto& listening = rig.listen(1);
    const auto address = rig.address(listening);
    for (int round = 0; round < 100; ++round) {
        std::array<Socket*, 10> clients{};
        for (auto*& client : clients) {
            client = &rig.stream(0, address);
            client->connect(address);
        }
        REQUIRE(rig.until([&] { return listening.accepted.size() == clients.size(); }));
        for (std::size_t i = 0; i < clients.size(); ++i) {
            auto& server = rig.enter(1, std::move(listening.accepted[i]));
            server.write(listening.peers[i].text());
        }
        listening.accepted.clear();
        listening.peers.clear();
        for (auto* client : clients) client->arm_receive();
        for (auto* client : clients) {
            const auto own = rig.address(*client).text();
            REQUIRE(rig.until([&] { return client->received.size() >= own.size(); }));
            CHECK(client->received == own);
            client->close();
        }
    }
}

PROMISE("accepted descriptors that nobody takes close their connections") {
    auto& listening = rig.listen(1);
    auto& client = rig.stream(0, rig.address(listening));
    client.connect(rig.address(listening));
    REQUIRE(rig.until([&] { return !listening.accepted.empty(); }));
    rig.rest();
    client.arm_receive();
    listening.accepted.clear();
    REQUIRE(rig.until([&] { return client.ends == 1; }));
}

PROMISE("a listening socket that closes ends the connections that wait in its queue") {
    auto& listening = rig.listen(1);
    listening.arm_accept(false);
    auto& client = rig.stream(0, rig.address(listening));
    auto& connecting = client.connect(rig.address(listening));
    REQUIRE(rig.until([&] { return connecting.is_done(); }));
    rig.rest();
    client.arm_receive();
    listening.close();
    REQUIRE(rig.until([&] { return client.told() > 0 && client.ends + client.failures.size() > 0; }));
    rig.rest();
    CHECK(client.ends + client.failures.size() == 1);
    CHECK(listening.told() == 0);
}

PROMISE("after leave() nothing is told, and another backend goes on where the first one stopped") {
    auto [client, server] = rig.connected();
    client.write(pieces(5000, 1000));
    server.arm_receive(1234);
    REQUIRE(rig.until([&] { return server.received.size() == 1234; }));
    rig.rest();
    auto descriptor = server.leave();
    const auto told = server.told();
    CHECK(descriptor);
    client.write(pieces(5000, 1000, 5000));
    rig.rest();
    CHECK(server.told() == told);
    auto& elsewhere = rig.enter(0, std::move(descriptor));
    rig.rest();
    CHECK(elsewhere.told() == 0);
    elsewhere.arm_receive();
    REQUIRE(rig.until([&] { return server.received.size() + elsewhere.received.size() == 10'000; }));
    CHECK((server.received + elsewhere.received == text(10'000)));
    client.finish();
    REQUIRE(rig.until([&] { return elsewhere.ends == 1; }));
    client.arm_receive();
    elsewhere.write("and back");
    CHECK(rig.until([&] { return client.received == "and back"; }));
    CHECK(server.told() == told);
}

PROMISE("a socket leaves while data streams to it, to and fro, and no byte is lost") {
    constexpr std::size_t all = 600'000;
    auto [client, first] = rig.connected();
    client.write(bulk(all));
    Socket* now = &first;
    std::string received;
    for (std::size_t side = 0; received.size() < all;) {
        now->arm_receive();
        const bool more = rig.until([&] { return !now->received.empty(); });
        REQUIRE(more);
        auto descriptor = now->leave();
        received += now->received;
        now = &rig.enter(side, std::move(descriptor));
        side = 1 - side;
    }
    CHECK((received == text(all)));
}

PROMISE("an end that was not told before leave() is told after it") {
    auto [client, server] = rig.connected();
    client.write("last words");
    client.finish();
    rig.rest();
    auto& elsewhere = rig.enter(0, server.leave());
    elsewhere.arm_receive();
    REQUIRE(rig.until([&] { return elsewhere.ends == 1; }));
    CHECK(server.received + elsewhere.received == "last words");
    CHECK(server.ends == 0);
}

PROMISE("a socket leaves after its send was cancelled, and sends the rest elsewhere") {
    auto [client, server] = rig.connected();
    const auto [taken, pending] = rig.fill(client);
    client.cancel(*pending);
    REQUIRE(rig.until([&] { return pending->is_done(); }));
    auto& elsewhere = rig.enter(1, client.leave());
    elsewhere.write(std::exchange(pending->data, {}));
    server.arm_receive();
    const auto all = taken + pending->whole;
    REQUIRE(rig.until([&] { return server.received.size() == all; }));
    CHECK((server.received == text(all)));
}

PROMISE("a socket leaves inside its callback") {
    auto [client, server] = rig.connected();
    Descriptor descriptor;
    server.then = [&] {
        if (!server.is_closed() && server.backend().settle(server.entry())) descriptor = server.leave();
    };
    server.arm_receive();
    client.write(bulk(100'000));
    REQUIRE(rig.until([&] { return static_cast<bool>(descriptor); }));
    const auto told = server.told();
    auto& elsewhere = rig.enter(0, std::move(descriptor));
    elsewhere.arm_receive();
    REQUIRE(rig.until([&] { return server.received.size() + elsewhere.received.size() == 100'000; }));
    CHECK((server.received + elsewhere.received == text(100'000)));
    CHECK(server.told() == told);
}

PROMISE("a listening socket leaves with connections in its queue, and they are accepted elsewhere") {
    auto& listening = rig.listen(1);
    listening.arm_accept(false);
    const auto address = rig.address(listening);
    for (int i = 0; i < 3; ++i) rig.stream(1, address).connect(address);
    rig.rest();
    CHECK(listening.told() == 0);
    auto& elsewhere = rig.enter(0, listening.leave());
    elsewhere.arm_accept();
    CHECK(rig.until([&] { return elsewhere.accepted.size() == 3; }));
}
