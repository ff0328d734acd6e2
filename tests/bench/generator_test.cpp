// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <bench/generator.hpp>
#include <bench/server_process.hpp>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace penstock::bench;

namespace {

Traffic ask(Protocol protocol, int connections, int depth) {
    const bool http = protocol == Protocol::http;
    return {.protocol = protocol,
            .request = http ? "GET / HTTP/1.1\r\nHost: x\r\n\r\n" : "ping",
            .body = http ? "Hello, World!" : "ping",
            .connections = connections,
            .depth = depth};
}

/// Answers the first connection by "ping", the one after it by `second`, each after one read.
class Scripted {
public:
    explicit Scripted(std::string second) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof name;
        REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &length) == 0);
        REQUIRE(::listen(listener_, 8) == 0);
        port = ntohs(name.sin_port);
        thread_ = std::thread([this, script = std::move(second)] {
            for (const auto& reply : {std::string("ping"), script}) {
                const int client = ::accept(listener_, nullptr, nullptr);
                char room[64];
                if (::recv(client, room, sizeof room, 0) > 0)
                    ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
                ::close(client);
            }
        });
    }
    ~Scripted() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }

    std::uint16_t port = 0;

private:
    int listener_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("the load asks exactly as often as it is told") {
    auto server = ServerProcess::start({BENCH_FOLDER "bench_bare_http"});
    REQUIRE(server.has_value());
    for (const int depth : {1, 4, 16}) {
        auto load = Generator::connect(server->port(), ask(Protocol::http, 8, depth));
        REQUIRE(load.has_value());
        CHECK(*load->run_count(0) == 0);
        CHECK(*load->run_count(16) == 16);
        CHECK(*load->run_count(5'008) == 5'008);
        CHECK(*load->run_count(static_cast<std::uint64_t>(depth) * 3 + 1) ==
              (depth == 1 ? 4u : static_cast<std::uint64_t>(depth) * 3));
        CHECK(*load->run_for(std::chrono::milliseconds(5)) >= 8);
    }
}

TEST_CASE("an echo is learnt and counted by its length") {
    auto server = ServerProcess::start({BENCH_FOLDER "bench_bare_echo"});
    REQUIRE(server.has_value());
    auto load = Generator::connect(server->port(), ask(Protocol::echo, 100, 1));
    REQUIRE(load.has_value());
    CHECK(load->reply_bytes() == 4);
    CHECK(*load->run_count(1'000) == 1'000);
}

TEST_CASE("a server that answers something else is not measured") {
    auto server = ServerProcess::start({BENCH_FOLDER "bench_bare_echo"});
    REQUIRE(server.has_value());
    CHECK_FALSE(Generator::connect(server->port(), ask(Protocol::http, 1, 1)).has_value());
    auto other = ask(Protocol::echo, 1, 1);
    other.body = "pong";
    CHECK_FALSE(Generator::connect(server->port(), other).has_value());
}

TEST_CASE("replies that are wrong later on are found") {
    const std::pair<const char*, const char*> wrong[] = {
        {"pong", "a reply begins unlike the first one"},
        {"pingp", "the server sent more than it was asked for"},
        {"pi", "the server closed a connection"},
        {"", "the server closed a connection"},
    };
    for (const auto& [reply, text] : wrong) {
        CAPTURE(reply);
        Scripted server(reply);
        auto load = Generator::connect(server.port, ask(Protocol::echo, 1, 1));
        REQUIRE(load.has_value());
        const auto ran = load->run_count(1);
        REQUIRE_FALSE(ran.has_value());
        CHECK(ran.error().message() == text);
    }
    Scripted server("ping");
    auto load = Generator::connect(server.port, ask(Protocol::echo, 1, 1));
    REQUIRE(load.has_value());
    CHECK(*load->run_count(1) == 1);
    CHECK_FALSE(load->run_count(1).has_value());  // it has closed
}
