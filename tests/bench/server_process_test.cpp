// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>

#include <bench/generator.hpp>
#include <bench/pingpong.hpp>
#include <bench/server_process.hpp>
#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

using namespace penstock::bench;

TEST_CASE("a server's CPU time grows with what it is asked") {
    auto server = ServerProcess::start({BENCH_FOLDER "bench_bare_echo"});
    REQUIRE(server.has_value());
    const Case test{.group = "",
                    .name = "",
                    .unit = "",
                    .protocol = Protocol::echo,
                    .request = "x",
                    .body = "x",
                    .connections = 4,
                    .depth = 1,
                    .contestants = {},
                    .aims = {}};
    auto load = Generator::connect(server->port(), test);
    REQUIRE(load.has_value());
    const auto before = server->cpu_time();
    REQUIRE(load->run_count(2'000).has_value());
    const auto after = server->cpu_time();
    REQUIRE((before && after));
    CHECK(*after > *before);
    server->stop();
    CHECK_FALSE(server->cpu_time().has_value());
    CHECK_FALSE(load->run_count(1).has_value());
}

TEST_CASE("a server that is none, or ends at once, is told") {
    CHECK_FALSE(ServerProcess::start({"/nonexistent"}).has_value());
    CHECK_FALSE(ServerProcess::start({"true"}).has_value());
}

TEST_CASE("nginx leaves nothing behind" * doctest::skip(!std::filesystem::exists("/usr/sbin/nginx"))) {
    const penstock::test::TemporaryFolder folder;
    ::setenv("TMPDIR", folder.path().c_str(), 1);
    auto server = ServerProcess::start({BENCH_FOLDER "bench_nginx"});
    ::unsetenv("TMPDIR");
    REQUIRE(server.has_value());
    CHECK_FALSE(std::filesystem::is_empty(folder.path()));
    server->stop();
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a ping-pong ends, whatever the other core does") {
    const auto trip = ping_pong(std::chrono::milliseconds(10));
    if (trip) CHECK(trip->count() > 0);
    CHECK_FALSE(ping_pong(std::chrono::nanoseconds(0)).has_value());
}
