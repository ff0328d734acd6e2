// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/loopback_client.hpp>
#include <support/temporary_folder.hpp>

#include "hand_worker.hpp"
#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

struct Collects final : SocketHandler {
    explicit Collects(std::string* at, bool* c = nullptr) : text_at(at), closed(c) {}
    void on_read(TcpSocket&, Slice piece) override { *text_at += piece.text(); }
    void on_closed(TcpSocket&, Error) override {
        if (closed != nullptr) *closed = true;
    }
    std::string* text_at;
    bool* closed;
};

}  // namespace

TEST_CASE("what makes a handler may abort the connection and throw, and the listener goes on") {
    Simulation sim(1);
    auto& server = sim.add_host();
    int made = 0;
    std::string text;
    REQUIRE(server.listen("10.0.0.1:1", [&](TcpSocket& socket) -> std::unique_ptr<SocketHandler> {
        if (++made == 1) {
            socket.abort();
            throw std::runtime_error("on purpose");
        }
        return std::make_unique<Collects>(&text);
    }));
    auto& client = sim.add_host();
    bool closed = false;
    client.connect("10.0.0.1:1", std::make_unique<Collects>(&text, &closed));
    sim.run_for(1s);
    CHECK(closed);
    CHECK(server.sockets() == 0);
    client.connect("10.0.0.1:1", std::make_unique<Collects>(&text));
    sim.run_for(1s);
    CHECK(made == 2);
    CHECK(server.sockets() == 1);
}

TEST_CASE("a connection that is accepted while the worker drains is told so, and waited for") {
    struct Greets final : SocketHandler {
        void on_read(TcpSocket&, Slice) override {}
        void on_drain(TcpSocket& socket) override {
            std::ignore = socket.write(Bytes("no more today"));
            socket.close();
        }
    };
    Simulation sim(1, {.late = 0});
    auto& server = sim.add_host();
    REQUIRE(server.listen("10.0.0.1:1", [](TcpSocket&) { return std::make_unique<Greets>(); }));
    auto& client = sim.add_host();
    std::string text;
    client.connect("10.0.0.1:1", std::make_unique<Collects>(&text));
    sim.run_for(1us);  // it is on its way
    server.drain();
    CHECK_FALSE(server.is_drained());
    sim.run_for(1s);
    CHECK(text == "no more today");
    CHECK(server.is_drained());
}

TEST_CASE("a stop serves who waits in the system's accept queue") {
    struct Greets final : SocketHandler {
        void on_read(TcpSocket&, Slice) override {}
    };
    struct Shared {
        std::atomic<std::uint16_t> port = 0;
        std::optional<test::LoopbackClient> client;
        std::atomic<bool> has_come = false;
    } shared;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(
        [](Worker& worker, test::Lent<Shared> at) {
            return test::listen_on_loopback(worker, at->port, [](TcpSocket& socket) {
                std::ignore = socket.write(Bytes("served"));
                return std::make_unique<Greets>();
            });
        },
        test::lent(shared)));
    // The client comes in the turn of the stop: behind the look at what is ready, and before the stop.
    REQUIRE(reactor.worker(0).post(
                [](Worker& worker, test::Lent<Shared> at) {
                    std::ignore = worker.remote().post(
                        [](Worker&, test::Lent<Shared> there) {
                            there->client.emplace(there->port);
                            there->has_come = true;
                        },
                        at);
                    worker.reactor().stop_soon(20s);
                },
                test::lent(shared)) == Posted::ok);
    REQUIRE(test::comes([&] { return shared.has_come.load(); }));
    CHECK(shared.client->receive_all() == "served");
    shared.client.reset();
    CHECK(reactor.wait().cut == 0);
}

TEST_CASE("an accept that fails for long is logged once in a while, and goes on when there are descriptors") {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    MESSAGE("skipped: the sanitizer needs descriptors itself");
    return;
#endif
#endif
    const test::TemporaryFolder folder;
    test::HandClock clock;
    test::HandWorker worker(
        {.clock = &clock, .log = {.level = core::LogLevel::warn, .file = folder.file("log")}});
    std::string text;
    auto listener =
        worker->open_listener("127.0.0.1:0", [&](TcpSocket&) { return std::make_unique<Collects>(&text); });
    REQUIRE(listener);
    test::LoopbackClient client((*listener)->address().port());
    {
        const test::NoMoreDescriptors none;
        for (auto past = 0ms; past < Listener::log_pause + Listener::pause; past += Listener::pause) {
            worker.turn();
            worker.turn();
            clock.pass(Listener::pause + TimerWheel::tick);
        }
        CHECK((*listener)->accepted() == 0);
    }
    clock.pass(Listener::pause + TimerWheel::tick);
    CHECK(worker.turn_until([&] { return (*listener)->accepted() == 1; }));
    worker.logger().flush();
    std::ifstream file(folder.file("log"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].contains("accept failed, pausing"));
    CHECK(lines[0].contains("not_logged=0"));
    CHECK_FALSE(lines[1].contains("not_logged=0"));
}
