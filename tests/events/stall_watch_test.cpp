// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/stall_watch.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/timer.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include <doctest/doctest.h>
#include <support/loopback_client.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

/// Holds its thread, as a careless callback does.
void hold(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
    }
}

struct Slow final : SocketHandler {
    void on_read(TcpSocket& socket, Slice piece) override {
        if (piece.text() == "slow") hold(60ms);
        std::ignore = socket.write(std::move(piece));
    }
};

struct Site {
    explicit Site(std::chrono::nanoseconds limit) : reactor({.workers = 1, .stall_limit = limit}) {
        REQUIRE(reactor.start(
            [](Worker& worker, test::Lent<std::atomic<std::uint16_t>> at) {
                return test::listen_on_loopback(worker, *at,
                                                [](TcpSocket&) { return std::make_unique<Slow>(); });
            },
            test::lent(port)));
    }
    std::string talk(std::string_view text) {
        test::LoopbackClient client(port);
        REQUIRE(client.send(text));
        return client.receive();
    }
    /// Comes back from the worker's next turn: the one before is counted then.
    void turn() {
        std::atomic<bool> done = false;
        REQUIRE(reactor.worker(0).post([](Worker&, test::Lent<std::atomic<bool>> at) { *at = true; },
                                       test::lent(done)) == Posted::ok);
        REQUIRE(test::comes([&] { return done.load(); }));
    }
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor;
};

}  // namespace

TEST_CASE("a callback that holds its worker for longer than the limit is counted") {
    Site site(30ms);
    CHECK(site.talk("fast") == "fast");
    site.turn();
    const auto before = site.reactor.status(0).stalls;
    CHECK(site.talk("slow") == "slow");
    site.turn();
    CHECK(site.reactor.status(0).stalls == before + 1);
    const auto turns = site.reactor.status(0).turns_ns;
    CHECK(turns.quantile(1.0) >= 60'000'000);
    CHECK(turns.count() > 2);
}

TEST_CASE("messages, timers and tasks are looked at as well") {
    Site site(30ms);
    site.turn();
    auto stalls_of = [&](auto post) {
        const auto before = site.reactor.status(0).stalls;
        REQUIRE(site.reactor.worker(0).post(post) == Posted::ok);
        return test::comes([&] { return site.reactor.status(0).stalls > before; });
    };
    CHECK(stalls_of([](Worker&) { hold(60ms); }));
    CHECK(stalls_of([](Worker& worker) { worker.later([] { hold(60ms); }); }));
    CHECK(stalls_of([](Worker& worker) { worker.make_local<Timer>(worker, [] { hold(60ms); }).arm(1ms); }));
}

TEST_CASE("without a limit nothing is looked at") {
    Site site(0ms);
    CHECK(site.talk("slow") == "slow");
    site.turn();
    CHECK(site.reactor.status(0).stalls == 0);
    CHECK(site.reactor.status(0).turns_ns.count() == 0);
}

#if defined(PENSTOCK_CHECKS) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PENSTOCK_NO_FORK 1
#endif
#endif
#ifndef PENSTOCK_NO_FORK
TEST_CASE("a call on a worker's object from another thread ends the process") {
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);  // not the test runner's
        std::ignore = ::freopen("/dev/null", "w", stderr);
        std::atomic<TcpSocket*> socket = nullptr;
        test::LoopbackServer server;
        Reactor reactor({.workers = 1});
        std::ignore = reactor.start([](Worker& worker, test::Lent<std::atomic<TcpSocket*>> at,
                                       Address to) { *at = &worker.connect(to, std::make_unique<Slow>()); },
                                    test::lent(socket), server.address());
        std::ignore = socket.load()->write("from elsewhere");  // the test's thread is not its worker
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
}
#endif
#endif
