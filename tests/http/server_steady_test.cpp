// SPDX-License-Identifier: Apache-2.0
// What a server holds and allocates, on real sockets.
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/http/server.hpp>

#include <atomic>
#include <deque>

#include <doctest/doctest.h>
#include <support/allocations.hpp>
#include <support/loopback_client.hpp>

using namespace penstock;

namespace {

struct Box {
    std::atomic<std::uint16_t>* port;
    static constexpr bool sendable = true;
};

Result<void> serve(Worker& worker, Box box) {
    auto router = std::make_shared<http::Router>();
    router->get("/hello/{name}",
                [](http::Exchange& exchange) { exchange.text("Hello, ", exchange.param("name")); });
    router->get("/held", [&worker](http::Exchange& exchange) { exchange.text(worker.slabs().held_bytes()); });
    auto& server = worker.make_local<http::Server>(worker, Address("127.0.0.1:0"), router);
    if (auto started = server.start(); !started) return started;
    box.port->store(server.address().port());
    return {};
}

/// The body of the answer to a keep-alive GET; Content-Length is the last field.
std::string get(test::LoopbackClient& client, const std::string& path) {
    client.send("GET " + path + " HTTP/1.1\r\nHost: here\r\nAccept: */*\r\nUser-Agent: test\r\n\r\n");
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        const auto more = client.receive_bytes(1);
        if (more.empty()) return "the connection ended";
        head += more;
    }
    const auto at = head.find("content-length: ");
    return client.receive_bytes(std::stoul(head.substr(at + 16)));
}

}  // namespace

TEST_CASE("a worker handler's request allocates nothing in the steady state") {
    if (!test::allocations_are_counted) return;
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(serve, Box{&port}));
    test::LoopbackClient client(port);
    const auto talk = [&](int rounds) {
        for (int i = 0; i < rounds; ++i)
            if (get(client, "/hello/World") != "Hello, World") FAIL("another answer");
    };
    talk(100);
    reactor.logger().flush();  // its thread has taken all its room
    const auto before = test::allocations_of_other_threads();
    talk(1000);
    CHECK(test::allocations_of_other_threads() - before == 0);
}

TEST_CASE("an idle connection holds no buffer, also after requests and a slow one") {
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(serve, Box{&port}));
    test::LoopbackClient first(port);
    CHECK(get(first, "/hello/x") == "Hello, x");  // from here on the worker itself has a block each way
    const auto before = get(first, "/held");
    std::deque<test::LoopbackClient> others;
    for (int i = 0; i < 100; ++i) {
        auto& client = others.emplace_back(port);
        client.send("GET /hello/Wor");  // a head in two parts was kept in between
        CHECK(get(first, "/hello/x") == "Hello, x");
        client.send("ld HTTP/1.1\r\nHost: here\r\n\r\n");
        CHECK(client.receive_bytes(17) == "HTTP/1.1 200 OK\r\n");
        CHECK(get(first, "/hello/x") == "Hello, x");
    }
    CHECK(get(first, "/held") == before);
}
