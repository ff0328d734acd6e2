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
    const Traffic traffic{.protocol = Protocol::echo, .request = "x", .body = "x", .connections = 4};
    auto load = Generator::connect(server->port(), traffic);
    REQUIRE(load.has_value());
    const auto before = server->cpu_time();
    REQUIRE(load->run_count(2'000).has_value());
    const auto after = server->cpu_time();
    REQUIRE((before && after));
    CHECK(*after > *before);
    server->stop();
    CHECK_FALSE(server->cpu_time().has_value());
    CHECK_FALSE(server->memory_bytes().has_value());
    CHECK_FALSE(load->run_count(1).has_value());
}

TEST_CASE("a server's memory is known, and is more with a parent's") {
    auto server = ServerProcess::start({BENCH_FOLDER "bench_bare_echo"});
    auto wrapped = ServerProcess::start(
        {"sh", "-c", "trap 'kill $!' TERM; " BENCH_FOLDER "bench_bare_echo $0 & wait; wait"});
    REQUIRE((server && wrapped));
    const auto alone = server->memory_bytes(), both = wrapped->memory_bytes();
    REQUIRE((alone && both));
    CHECK(*alone > 0);
    CHECK(*both > *alone);
}

TEST_CASE("the anonymous memory in smaps_rollup") {
    const std::string before = "55eccfeaf000-7ffefdbb5000 ---p 00000000 00:00 0 [rollup]\nRss: 1764 kB\n";
    CHECK(*anonymous_bytes(before + "Anonymous:           112 kB\nAnonHugePages:   4 kB\n") == 112 * 1024);
    CHECK(*anonymous_bytes(before + "Anonymous: 0 kB\n") == 0);
    for (const char* line : {"", "Anonymous:", "Anonymous: ", "Anonymous: kB\n", "Anonymous: -1 kB\n",
                             "Anonymous: 112\n", "Anonymous: 112 MB\n", "AnonHugePages: 112 kB\n",
                             "Anonymous: 99999999999999999999 kB\n", "Anonymous: 18014398509481984 kB\n"}) {
        CAPTURE(line);
        CHECK_FALSE(anonymous_bytes(before + line).has_value());
    }
    CHECK_FALSE(anonymous_bytes("").has_value());
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
