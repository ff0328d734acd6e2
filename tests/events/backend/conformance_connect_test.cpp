// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <utility>

#include <events/backend/worlds.hpp>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

namespace {

/// Where nobody listens any more.
Address deserted(Rig& rig, std::size_t side) {
    auto& socket = rig.listen(side);
    const auto out = rig.address(socket);
    socket.close();
    rig.rest();
    return out;
}

}  // namespace

PROMISE("both ends of a connection know both addresses") {
    for (const std::size_t to : {0, 1}) {
        auto& listening = rig.listen(to);
        const auto address = rig.address(listening);
        CHECK(address.port() != 0);
        auto& client = rig.stream(0, address);
        auto& connecting = client.connect(address);
        REQUIRE(rig.until([&] { return connecting.is_done() && !listening.accepted.empty(); }));
        CHECK(!connecting.done.error);
        REQUIRE(listening.accepted.size() == 1);
        CHECK(listening.peers[0] == rig.address(client));
        auto& server = rig.enter(to, std::move(listening.accepted[0]));
        CHECK(rig.address(server) == address);
        CHECK(rig.address(listening) == address);
    }
}

PROMISE("a connection is accepted from 64 clients, each with an address of its own") {
    auto& listening = rig.listen(1);
    const auto address = rig.address(listening);
    std::vector<std::pair<Socket*, Tracked*>> clients;
    for (int i = 0; i < 64; ++i) {
        auto& client = rig.stream(0, address);
        clients.emplace_back(&client, &client.connect(address));
    }
    REQUIRE(rig.until([&] { return listening.accepted.size() == clients.size(); }));
    REQUIRE(
        rig.until([&] { return std::ranges::all_of(clients, [](auto& c) { return c.second->is_done(); }); }));
    std::vector<Address> of_clients;
    for (const auto& [client, connecting] : clients) {
        CHECK(!connecting->done.error);
        of_clients.push_back(rig.address(*client));
    }
    auto peers = listening.peers;
    std::ranges::sort(peers);
    std::ranges::sort(of_clients);
    CHECK((peers == of_clients));
    CHECK(std::ranges::adjacent_find(peers) == peers.end());
}

PROMISE("a connect where nobody listens is refused, once") {
    const auto nowhere = deserted(rig, 1);
    auto& client = rig.stream(0, nowhere);
    auto& connecting = client.connect(nowhere);
    REQUIRE(rig.until([&] { return connecting.is_done(); }));
    CHECK(connecting.done.error.code() == ECONNREFUSED);
    rig.rest();
    CHECK(connecting.completions == 1);
    CHECK(client.told() <= 1);
}

PROMISE("a refused socket closes like any other, and the next one connects") {
    const auto nowhere = deserted(rig, 1);
    auto& refused = rig.stream(0, nowhere);
    auto& connecting = refused.connect(nowhere);
    REQUIRE(rig.until([&] { return connecting.is_done(); }));
    refused.close();
    auto [client, server] = rig.connected();
    server.arm_receive();
    client.write("after all");
    CHECK(rig.until([&] { return server.received == "after all"; }));
}

PROMISE("a cancelled connect completes once") {
    auto& listening = rig.listen(1);
    auto& client = rig.stream(0, rig.address(listening));
    auto& connecting = client.connect(rig.address(listening));
    if (!connecting.is_done()) {
        client.cancel(connecting);
        CHECK(!connecting.is_done());
        REQUIRE(rig.until([&] { return connecting.is_done(); }));
        CHECK((!connecting.done.error || connecting.done.error.code() == ECANCELED));
    }
    rig.rest();
    CHECK(connecting.completions == 1);
    client.close();
}

PROMISE("a connect whose entry is closed is swallowed, once and soon") {
    auto& listening = rig.listen(1);
    auto& client = rig.stream(0, rig.address(listening));
    auto& connecting = client.connect(rig.address(listening));
    client.close();
    for (int i = 0; i < 5; ++i) rig.turn(1ms);
    CHECK(connecting.completions == 1);
    rig.rest();
    CHECK(connecting.completions == 1);
    CHECK(client.told() == 0);
}

/// The queue of a listening socket with this backlog is full with two.
PROMISE("a connect that hangs can be cancelled, or closed") {
    if (!rig.can(Capability::system)) return;
    auto& listening = rig.listen(1, {.backlog = 1});
    listening.arm_accept(false);
    const auto address = rig.address(listening);
    std::vector<Tracked*> hanging;
    std::vector<Socket*> clients;
    for (int i = 0; i < 5; ++i) {
        auto& client = rig.stream(0, address);
        auto& connecting = client.connect(address);
        rig.rest();
        if (connecting.is_done()) continue;
        hanging.push_back(&connecting);
        clients.push_back(&client);
    }
    REQUIRE(hanging.size() >= 2);
    clients[0]->cancel(*hanging[0]);
    clients[1]->close();
    for (int i = 0; i < 5; ++i) rig.turn(1ms);
    CHECK(hanging[0]->completions == 1);
    CHECK(hanging[0]->done.error.code() == ECANCELED);
    CHECK(!hanging[0]->is_swallowed);
    CHECK(hanging[1]->completions == 1);
    CHECK(hanging[1]->is_swallowed);
}

PROMISE("a receive that is armed before the connect is answered hears nothing before it is") {
    auto& listening = rig.listen(1);
    auto& client = rig.stream(0, rig.address(listening));
    rig.turn();  // some systems say of a fresh socket that it has hung up
    auto& connecting = client.connect(rig.address(listening));
    rig.turn();
    REQUIRE(rig.until([&] { return connecting.is_done() && !listening.accepted.empty(); }));
    CHECK(!connecting.done.error);
    client.arm_receive();
    rig.rest();
    CHECK(client.received.empty());
    CHECK(client.ends == 0);
    CHECK(client.failures.empty());
}

PROMISE("one end may speak before the other end is accepted") {
    auto& listening = rig.listen(1);
    listening.arm_accept(false);
    auto& client = rig.stream(0, rig.address(listening));
    auto& connecting = client.connect(rig.address(listening));
    REQUIRE(rig.until([&] { return connecting.is_done(); }));
    client.write(pieces(1000, 10));
    rig.rest();
    client.finish();
    rig.rest();
    listening.arm_accept();
    REQUIRE(rig.until([&] { return !listening.accepted.empty(); }));
    auto& server = rig.enter(1, std::move(listening.accepted[0]));
    server.arm_receive();
    REQUIRE(rig.until([&] { return server.ends == 1; }));
    CHECK((server.received == text(1000)));
}

PROMISE("IPv6 is like IPv4") {
    auto opened = rig.backend(1).open_listening("[::1]:0", {});
    if (!opened) {
        MESSAGE("skipped: here is no IPv6: " << opened.error().message());
        return;
    }
    auto& listening = rig.enter(1, std::move(*opened));
    listening.arm_accept();
    const auto address = rig.address(listening);
    CHECK(address.is_v6());
    auto& client = rig.stream(1, address);
    auto& connecting = client.connect(address);
    REQUIRE(rig.until([&] { return connecting.is_done() && !listening.accepted.empty(); }));
    CHECK(!connecting.done.error);
    CHECK(listening.peers[0] == rig.address(client));
}

PROMISE("a port is shared by who says so, and by nobody else") {
    auto& shared = rig.listen(0);
    const auto address = rig.address(shared);
    auto again = rig.backend(0).open_listening(address, {});
    CHECK(again);
    const auto alone = rig.backend(0).open_listening(address, {.share_port = false});
    REQUIRE(!alone);
    CHECK(alone.error().code() == EADDRINUSE);
}

PROMISE("each end is finished by itself, and data still flows the other way") {
    for (const bool server_first : {false, true}) {
        auto [client, server] = rig.connected();
        auto& first = server_first ? server : client;
        auto& second = server_first ? client : server;
        first.arm_receive();
        second.arm_receive();
        first.write(pieces(5000, 700));
        REQUIRE(rig.until([&] { return first.unsent() == 0; }));
        first.finish();
        REQUIRE(rig.until([&] { return second.ends == 1; }));
        CHECK((second.received == text(5000)));
        CHECK(first.ends == 0);
        second.write(bulk(300'000));
        REQUIRE(rig.until([&] { return first.received.size() == 300'000; }));
        CHECK((first.received == text(300'000)));
        CHECK(first.ends == 0);
        second.finish();
        REQUIRE(rig.until([&] { return first.ends == 1; }));
        rig.rest();
        CHECK(first.ends == 1);
        CHECK(second.ends == 1);
        CHECK(first.failures.empty());
        CHECK(second.failures.empty());
    }
}

PROMISE("both ends are finished at the same time") {
    auto [client, server] = rig.connected();
    client.arm_receive();
    server.arm_receive();
    client.finish();
    server.finish();
    REQUIRE(rig.until([&] { return client.ends == 1 && server.ends == 1; }));
    rig.rest();
    CHECK(client.ends + server.ends == 2);
    CHECK(client.failures.size() + server.failures.size() == 0);
}

PROMISE("after finish() a send fails, and the other direction does not") {
    auto [client, server] = rig.connected();
    client.arm_receive();
    client.finish();
    auto& late = client.send("too late");
    REQUIRE(rig.until([&] { return late.is_done(); }));
    CHECK(late.done.error);
    CHECK(late.done.bytes == 0);
    server.write("in time");
    CHECK(rig.until([&] { return client.received == "in time"; }));
    CHECK(client.failures.empty());
}
