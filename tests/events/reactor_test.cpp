// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/signal.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <pthread.h>
#include <support/loopback_client.hpp>
#include <unistd.h>

#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

/// Does not end by itself when its worker drains, but tells.
struct Stubborn final : SocketHandler {
    explicit Stubborn(std::atomic<bool>* at) : draining(at) {}
    void on_read(TcpSocket&, Slice) override {}
    void on_drain(TcpSocket&) override { *draining = true; }
    std::atomic<bool>* draining;
};

struct Site {
    std::atomic<std::uint16_t> port = 0;
    std::atomic<bool> draining = false;
};

/// A listener for Stubborn ones on the last worker.
Result<void> set_up(Worker& worker, test::Lent<Site> site) {
    if (worker.index() + 1 != worker.reactor().workers()) return {};
    return test::listen_on_loopback(
        worker, site->port, [site](TcpSocket&) { return std::make_unique<Stubborn>(&site->draining); });
}

/// Whether the worker still answers.
bool answers(Reactor& reactor, unsigned index) {
    std::atomic<bool> answered = false;
    const auto posted = reactor.worker(index).post(
        [](Worker&, test::Lent<std::atomic<bool>> at) { *at = true; }, test::lent(answered));
    return posted == Posted::ok && test::comes([&] { return answered.load(); });
}

/// A logger that keeps the starts and stops of a test to itself.
core::LogSettings warnings() {
    core::LogSettings out;
    out.level = core::LogLevel::warn;
    return out;
}

}  // namespace

TEST_CASE("a const local that is lent anew lives as long as its worker looks at it") {
    struct Counted {
        Counted(std::atomic<int>* at, int v) : alive(at), value(v) { ++*alive; }
        Counted(const Counted&) = delete;
        Counted& operator=(const Counted&) = delete;
        ~Counted() { --*alive; }
        std::atomic<int>* alive;
        int value;
    };
    struct Shared {
        std::atomic<int> alive = 0, alive_then = 0, value = 0;
    } shared;
    {
        Reactor reactor({.workers = 1});
        reactor.lend(std::make_shared<const Counted>(&shared.alive, 1));
        REQUIRE(reactor.start());
        REQUIRE(reactor.worker(0).post(
                    [](Worker& worker, test::Lent<Shared> at) {
                        const auto& first = worker.local<const Counted>();
                        worker.reactor().lend(std::make_shared<const Counted>(&at->alive, first.value + 1));
                        at->alive_then = at->alive.load();
                    },
                    test::lent(shared)) == Posted::ok);
        CHECK(test::comes([&] { return shared.alive_then == 2 && shared.alive == 1; }));
        REQUIRE(reactor.worker(0).post(
                    [](Worker& worker, test::Lent<Shared> at) {
                        at->value = worker.local<const Counted>().value;
                    },
                    test::lent(shared)) == Posted::ok);
        CHECK(test::comes([&] { return shared.value == 2; }));
    }
    CHECK(shared.alive == 0);
}

TEST_CASE("a second signal cuts what another worker still drains") {
    Site site;
    Reactor reactor({.workers = 2});
    bool has_drained = false, listens = false;
    std::thread user([&] {
        Signals::block({SIGINT});
        test::comes([&] { return site.port != 0; });
        const test::LoopbackClient client(site.port);
        test::comes([&] { return reactor.status(1).sockets == 1; });
        ::kill(::getpid(), SIGINT);
        has_drained = test::comes([&] { return site.draining.load(); });
        // Worker 0 has nothing to drain, and two turns later it is still there.
        listens = answers(reactor, 0) && answers(reactor, 0);
        ::kill(::getpid(), SIGINT);
    });
    CHECK(reactor.run(set_up, test::lent(site)) == 0);
    user.join();
    CHECK(has_drained);
    CHECK(listens);
}

TEST_CASE("a signal that comes too late to be heard does not end the process") {
    struct Late {  // dies with its worker, behind the sockets
        ~Late() { ::kill(::getpid(), SIGTERM); }
    };
    CHECK(Reactor({.workers = 1}).run_task([](Worker& worker) -> Task<int> {
        worker.make_local<Late>();
        co_return 3;
    }) == 3);
}

TEST_CASE("a stop without a deadline waits") {
    Site site;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(set_up, test::lent(site)));
    std::thread user([&] {
        const test::LoopbackClient client(site.port);
        test::comes([&] { return site.draining.load(); });
        std::ignore = answers(reactor, 0);  // and some turns more
    });
    test::comes([&] { return reactor.status(0).sockets == 1; });
    const auto stopped = reactor.stop(std::chrono::nanoseconds::max());
    user.join();
    CHECK(site.draining);
    CHECK(stopped.drained == 1);
    CHECK(stopped.cut == 0);
}

TEST_CASE("a thread that cannot be started is an error, and the reactor may be started later") {
    core::Logger logger(warnings());
    REQUIRE(logger.start());
    Reactor reactor({.workers = 2, .logger = &logger});
    pthread_attr_t before, huge;
    REQUIRE(::pthread_getattr_default_np(&before) == 0);
    REQUIRE(::pthread_attr_init(&huge) == 0);
    REQUIRE(::pthread_attr_setstacksize(&huge, std::size_t(1) << 60) == 0);  // no room for such a stack
    REQUIRE(::pthread_setattr_default_np(&huge) == 0);
    const auto started = reactor.start();
    REQUIRE(::pthread_setattr_default_np(&before) == 0);
    ::pthread_attr_destroy(&huge);
    ::pthread_attr_destroy(&before);
    REQUIRE_FALSE(started);
    CHECK(started.error() == Error::os(EAGAIN));
    CHECK(reactor.start());
}

TEST_CASE("other threads may ask and post while a reactor stops and starts again") {
    core::Logger logger(warnings());
    Reactor reactor({.workers = 2, .logger = &logger});
    REQUIRE(reactor.start());
    std::atomic<bool> ends = false;
    std::thread other([&] {
        while (!ends) {
            std::ignore = reactor.status(reactor.workers() - 1);
            std::ignore = reactor.worker(0).post([](Worker&) {});
            std::ignore = reactor.least_loaded().post([](Worker&) {});
        }
    });
    for (int round = 0; round < 10; ++round) {
        reactor.stop(0s);
        CHECK(reactor.start());
    }
    ends = true;
    other.join();
}

namespace {

struct Counts {
    std::atomic<std::uint16_t> port = 0;
    std::atomic<long> accepted = 0, alive = 0, moved = 0;  // servers
    std::atomic<long> begun = 0, told = 0;                 // clients
    std::atomic<long> posted = 0, ran = 0, answered = 0;
};

/// An echo that moves to the other worker again and again.
struct Wanderer final : SocketHandler, Movable {
    explicit Wanderer(Counts& c) : counts(c) {
        ++counts.accepted;
        ++counts.alive;
    }
    ~Wanderer() override { --counts.alive; }
    void on_read(TcpSocket& socket, Slice piece) override {
        std::ignore = socket.write(std::move(piece));
        if (++reads % 3 != 0) return;
        auto& here = socket.worker();
        std::ignore = socket.detach([&here, &moved = counts.moved](Detached<TcpSocket> bundle) {
            ++moved;
            auto adopt = [](Worker& there, Detached<TcpSocket> d) { there.adopt(std::move(d)); };
            if (here.reactor().worker(1 - here.index()).post(adopt, std::move(bundle)) != Posted::ok)
                here.adopt(std::move(bundle));
        });
    }
    Counts& counts;
    int reads = 0;
};

struct Talker final : SocketHandler {
    explicit Talker(Counts& c) : counts(c) { ++counts.begun; }
    void on_connected(TcpSocket& socket) override {
        std::ignore = socket.remote();
        std::ignore = socket.write(Bytes("0123456789"));
    }
    void on_read(TcpSocket& socket, Slice piece) override {
        bytes += piece.size();
        if (bytes > 500)
            socket.abort();
        else
            std::ignore = socket.write(std::move(piece));
    }
    void on_closed(TcpSocket&, Error) override { ++counts.told; }
    Counts& counts;
    std::size_t bytes = 0;
};

Task<> call_the_other(Worker& worker, Counts& counts) {
    for (;;) {
        const auto answer = co_await worker.reactor().worker(1 - worker.index()).call([](Worker& there) {
            return there.index();
        });
        if (answer && *answer == 1 - worker.index())
            ++counts.answered;
        else
            co_await worker.sleep(1ms);
    }
}

}  // namespace

TEST_CASE("posts, calls and moving sockets while a reactor stops and starts lose nothing") {
    core::Logger logger(warnings());
    Counts counts;
    Reactor reactor({.workers = 2, .logger = &logger});
    std::mutex lock;
    std::vector<Remote<Worker>> remotes;  // stale ones too
    std::atomic<bool> ends = false;
    std::thread other([&] {
        for (std::size_t n = 0; !ends; ++n) {
            Remote<Worker> to;
            {
                const std::lock_guard held(lock);
                if (!remotes.empty()) to = remotes[n % remotes.size()];
            }
            if (to.post([](Worker&, test::Lent<Counts> at, std::unique_ptr<int>) { ++at->ran; },
                        test::lent(counts), std::make_unique<int>(1)) == Posted::ok)
                ++counts.posted;
            if (n % 16 == 0) std::this_thread::yield();
        }
    });
    for (int round = 0; round < 6; ++round) {
        REQUIRE(reactor.start(
            [](Worker& worker, test::Lent<Counts> at) -> Result<void> {
                worker.spawn(call_the_other(worker, *at));
                if (worker.index() != 0) return {};
                return test::listen_on_loopback(worker, at->port,
                                                [at](TcpSocket&) { return std::make_unique<Wanderer>(*at); });
            },
            test::lent(counts)));
        {
            const std::lock_guard held(lock);
            for (const unsigned index : {0, 1}) remotes.push_back(reactor.worker(index));
        }
        const auto moved = counts.moved.load(), answered = counts.answered.load();
        for (unsigned i = 0; i < 10; ++i)
            std::ignore = reactor.worker(i % 2).post(
                [](Worker& worker, test::Lent<Counts> at) {
                    worker.connect(Address::v4({127, 0, 0, 1}, at->port), std::make_unique<Talker>(*at));
                },
                test::lent(counts));
        CHECK(test::comes([&] { return counts.moved > moved + 5 && counts.answered > answered + 5; }));
        reactor.stop(round % 3 == 0 ? 50ms : 0ms);
    }
    ends = true;
    other.join();
    CHECK(counts.alive == 0);
    CHECK(counts.told == counts.begun);
    CHECK(counts.ran <= counts.posted);
    CHECK(counts.ran > 0);
}
