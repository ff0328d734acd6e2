// SPDX-License-Identifier: Apache-2.0
#include <bench/crowd.hpp>
#include <bench/server_process.hpp>
#include <doctest/doctest.h>

using namespace penstock::bench;

namespace {

Traffic ping(int connections) {
    return {.protocol = Protocol::echo, .request = "ping", .body = "ping", .connections = connections};
}

}  // namespace

TEST_CASE("a crowd is held until it is let go") {
    auto server = ServerProcess::start({BENCH_FOLDER "bench_bare_echo"});
    REQUIRE(server.has_value());
    for (int round = 0; round < 2; ++round) {
        const auto crowd = Crowd::gather(server->port(), ping(300));
        REQUIRE(crowd.has_value());
        CHECK(crowd->is_whole());
    }
    const auto crowd = Crowd::gather(server->port(), ping(3));
    REQUIRE(crowd.has_value());
    server->stop();
    CHECK_FALSE(crowd->is_whole());
}

TEST_CASE("a crowd that gets other replies, or none, does not gather") {
    auto server = ServerProcess::start({BENCH_FOLDER "bench_bare_echo"});
    REQUIRE(server.has_value());
    auto other = ping(2);
    other.body = "pong";
    CHECK_FALSE(Crowd::gather(server->port(), other).has_value());
    CHECK(Crowd::gather(server->port(), ping(0))->is_whole());
    server->stop();
    CHECK_FALSE(Crowd::gather(server->port(), ping(1)).has_value());
}
