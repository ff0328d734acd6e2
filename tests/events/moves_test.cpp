// SPDX-License-Identifier: Apache-2.0
// Busy sockets that go from worker to worker: PENSTOCK_MOVES=N sets how many connections there are.
#include <penstock/events/reactor.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "loopback.hpp"
#include "wanderer.hpp"

using namespace penstock;
using namespace penstock::events;
using test::Lent;
using test::lent;
using test::Wanderer;
using test::WandererTally;

namespace {

unsigned connections() {
    const char* const set = std::getenv("PENSTOCK_MOVES");
    return set != nullptr ? static_cast<unsigned>(std::atoi(set)) : 100;
}

/// With small buffers of the system, which what it accepts has too: so neither end is ever far ahead.
Result<void> listen_narrowly(Worker& worker, std::atomic<std::uint16_t>& port, WandererTally& tally) {
    auto narrow = worker.backend().open_listening("127.0.0.1:0", {.share_port = false});
    if (!narrow) return fail(narrow);
    for (const int buffer : {SO_RCVBUF, SO_SNDBUF}) {
        const int bytes = 8'192;
        ::setsockopt(narrow->number(), SOL_SOCKET, buffer, &bytes, sizeof bytes);
    }
    auto listener = std::make_unique<Listener>(worker, [&tally](TcpSocket& socket) {
        auto out = std::make_unique<Wanderer>(tally, Wanderer::Side::server);
        out->begin(socket, socket.peer().port());
        return out;
    });
    if (auto started = listener->start(std::move(*narrow)); !started) return started;
    port = listener.release()->address().port();
    return {};
}

/// Both ends of all connections, on the workers of one reactor.
class Traffic {
public:
    explicit Traffic(unsigned workers)
        : reactor_({.workers = workers, .pin = false, .balance = false, .stall_limit = 0ms}) {
        REQUIRE(reactor_.start(
            [](Worker& worker, Lent<std::atomic<std::uint16_t>> port,
               Lent<WandererTally> tally) -> Result<void> {
                if (worker.index() == 0)
                    if (auto listens = listen_narrowly(worker, *port, *tally); !listens) return listens;
                while (*port == 0) std::this_thread::yield();
                const auto all = connections(), step = worker.reactor().workers();
                for (auto i = worker.index(); i < all; i += step)
                    worker.connect(Address::v4({127, 0, 0, 1}, *port),
                                   std::make_unique<Wanderer>(*tally, Wanderer::Side::client));
                return {};
            },
            lent(port_), lent(tally_)));
        CHECK(waits([&] { return tally_.begun == ends(); }));
    }

    static int ends() { return static_cast<int>(connections()) * 2; }
    Reactor& reactor() { return reactor_; }
    WandererTally& tally() { return tally_; }

    /// Until then, or until nothing has come anywhere for 20 s.
    template <class F>
    bool waits(F condition, std::chrono::milliseconds look = 1ms) {
        auto seen = tally_.bytes.load();
        auto moved = std::chrono::steady_clock::now();
        while (!condition()) {
            std::this_thread::sleep_for(look);
            if (seen != tally_.bytes) moved = std::chrono::steady_clock::now();
            if (std::chrono::steady_clock::now() - moved > std::chrono::seconds(20)) return false;
            seen = tally_.bytes;
        }
        return true;
    }
    bool has_ended() const { return tally_.died == tally_.made; }

    /// A worker that stands still while its inbox is full, until some that wanted there were refused.
    void choke(unsigned index) {
        const auto worker = reactor_.worker(index);
        stands_ = may_go_ = false;
        auto stand = [](Worker&, Lent<std::atomic<bool>> is, Lent<std::atomic<bool>> until) {
            *is = true;
            while (!*until) std::this_thread::yield();
            *is = false;
        };
        if (worker.post(stand, lent(stands_), lent(may_go_)) != Posted::ok) return;
        waits([&] { return stands_.load(); });
        while (worker.post([](Worker&) {}) == Posted::ok) {
        }
        const auto before = tally_.refused.load();
        const auto until = std::chrono::steady_clock::now() + 50ms;
        while (tally_.refused < before + 5 && std::chrono::steady_clock::now() < until)
            std::this_thread::yield();
        may_go_ = true;
        waits([&] { return !stands_; });
    }

    void check_faults() const {
        const auto faults = tally_.faults();
        for (std::size_t i = 0; i < faults.size() && i < 10; ++i) MESSAGE(faults[i]);
        CHECK(faults.size() == 0);
    }
    void tell() const {
        MESSAGE(connections() << " connections, " << tally_.bytes.load() << " bytes; " << tally_.moves.load()
                              << " moves: " << tally_.refused.load() << " refused, "
                              << tally_.half_closed_moves.load() << " of half-closed ones, "
                              << tally_.moves_before_abort.load() << " aborted; " << tally_.whole.load()
                              << " ends whole, " << tally_.broken.load() << " broken");
    }

private:
    std::atomic<std::uint16_t> port_ = 0;
    std::atomic<bool> stands_ = false, may_go_ = false;
    WandererTally tally_;
    Reactor reactor_;
};

}  // namespace

TEST_CASE("moving busy sockets between workers under traffic loses, repeats and reorders no byte") {
    Traffic traffic(3);
    unsigned round = 0;
    CHECK(traffic.waits(
        [&] {
            traffic.reactor().rebalance();
            traffic.choke(round++ % 3);
            return traffic.has_ended();
        },
        5ms));
    traffic.check_faults();
    const auto& tally = traffic.tally();
    CHECK(tally.moves > Traffic::ends());
    CHECK(tally.refused > 0);
    CHECK(tally.half_closed_moves > 0);
    CHECK(tally.moves_before_abort > 0);
    CHECK(tally.whole > tally.broken);
    traffic.tell();
}

TEST_CASE("busy sockets that move while the reactor stops come to their end, whole") {
    Traffic traffic(4);
    CHECK(traffic.waits([&] { return traffic.tally().moves > Traffic::ends(); }));
    const auto stopped = traffic.reactor().stop(60s);
    CHECK(stopped.cut == 0);
    CHECK(traffic.has_ended());
    traffic.check_faults();
    traffic.tell();
}

TEST_CASE("busy sockets that move when the reactor is cut leave nothing behind") {
    for (const auto deadline : {0ms, 20ms}) {
        Traffic traffic(2);
        CHECK(traffic.waits([&] { return traffic.tally().moves > Traffic::ends(); }));
        traffic.tally().is_cut = true;
        traffic.reactor().stop(deadline);
        CHECK(traffic.has_ended());
        traffic.check_faults();
    }
}
