// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/queue.hpp>
#include <penstock/events/reactor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

using Numbers = std::vector<int>;

Posted push(const Queue<int>::Sender& sender, int number) { return sender.push(std::move(number)); }

/// Counts those of its kind that hold something.
struct Counted {
    explicit Counted(std::atomic<int>& count) : at(&count) { ++*at; }
    Counted(Counted&& other) noexcept : at(std::exchange(other.at, nullptr)) {}
    Counted& operator=(Counted&& other) noexcept {
        std::swap(at, other.at);
        return *this;
    }
    ~Counted() {
        if (at != nullptr) --*at;
    }
    std::atomic<int>* at;
    static constexpr bool sendable = true;
};

/// One of many threads' items.
struct Item {
    std::uint32_t sender = 0, number = 0;
    std::unique_ptr<std::uint64_t> sum;  // so that a lost or doubled one is seen by the sanitizers too
};

struct Site {
    std::optional<Queue<Item>::Sender> sender;
    std::array<std::uint32_t, 4> last{};
    std::uint64_t disorder = 0, wrong = 0, too_long = 0;
    std::atomic<std::uint64_t> taken = 0;
};

/// A worker's local, so that it dies with it.
struct Held {
    Held(Worker& worker, Site& site, std::size_t capacity)
        : queue(worker, capacity, [&site](std::span<Item> items) {
              if (items.empty() || items.size() > Queue<Item>::batch_max) ++site.too_long;
              for (auto& item : items) {
                  if (item.sum == nullptr || *item.sum != item.sender + item.number) ++site.wrong;
                  if (item.number <= site.last[item.sender]) ++site.disorder;
                  site.last[item.sender] = item.number;
              }
              site.taken += items.size();
          }) {
        site.sender = queue.sender();
    }
    Queue<Item> queue;
};

void hold(Worker& worker, test::Lent<Site> site, std::size_t capacity) {
    worker.make_local<Held>(worker, *site, capacity);
}

}  // namespace

TEST_CASE("the items of a queue come as a batch, in their order, in the next turn") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    std::vector<Numbers> batches;
    Queue<int> queue(worker, 8,
                     [&](std::span<int> items) { batches.emplace_back(items.begin(), items.end()); });
    const auto sender = queue.sender(), other = sender;
    CHECK(push(sender, 1) == Posted::ok);
    CHECK(push(other, 2) == Posted::ok);
    CHECK(push(sender, 3) == Posted::ok);
    CHECK(batches.empty());
    worker.turn(0ns);
    CHECK(batches == std::vector<Numbers>{{1, 2, 3}});
    CHECK_FALSE(worker.has_work());
    CHECK(push(sender, 4) == Posted::ok);
    worker.turn(0ns);
    CHECK(batches.back() == Numbers{4});
    CHECK(batches.size() == 2);
}

TEST_CASE(
    "a queue takes its capacity, rounded up to a power of two, then answers full; taken ones make room") {
    for (const auto& [asked, rounded] :
         {std::pair(0, 2), {1, 2}, {2, 2}, {3, 4}, {4, 4}, {5, 8}, {1000, 1024}}) {
        CAPTURE(asked);
        Simulation sim(1);
        auto& worker = sim.add_host();
        Numbers seen;
        Queue<int> queue(worker, static_cast<std::size_t>(asked),
                         [&](std::span<int> items) { seen.insert(seen.end(), items.begin(), items.end()); });
        for (int lap = 0; lap < 3; ++lap) {
            seen.clear();
            int taken = 0;
            while (push(queue.sender(), taken) == Posted::ok) ++taken;
            CHECK(taken == rounded);
            CHECK(push(queue.sender(), taken) == Posted::full);
            worker.turn(0ns);
            Numbers all(static_cast<std::size_t>(rounded));
            std::iota(all.begin(), all.end(), 0);
            CHECK(seen == all);
        }
    }
}

TEST_CASE("after full and stopped the item is untouched") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    using Owned = std::unique_ptr<int>;
    std::optional<Queue<Owned>> queue;
    queue.emplace(worker, 2, [](std::span<Owned>) {});
    const auto sender = queue->sender();
    auto item = std::make_unique<int>(0);
    CHECK(sender.push(std::move(item)) == Posted::ok);
    CHECK(item == nullptr);
    CHECK(sender.push(std::make_unique<int>(1)) == Posted::ok);
    item = std::make_unique<int>(2);
    CHECK(sender.push(std::move(item)) == Posted::full);
    REQUIRE(item != nullptr);
    queue.reset();
    CHECK(sender.push(std::move(item)) == Posted::stopped);
    REQUIRE(item != nullptr);
    CHECK(*item == 2);
}

TEST_CASE("a batch has at most batch_max items, the rest comes in the next turns") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    constexpr auto most = Queue<int>::batch_max;
    std::vector<std::size_t> sizes;
    int next = 0, disorder = 0;
    Queue<int> queue(worker, 4 * most, [&](std::span<int> items) {
        sizes.push_back(items.size());
        for (const int item : items)
            if (item != next++) ++disorder;
    });
    for (std::size_t i = 0; i < 2 * most + 1; ++i)
        REQUIRE(push(queue.sender(), static_cast<int>(i)) == Posted::ok);
    worker.turn(0ns);
    CHECK(sizes == std::vector{most});
    CHECK(worker.has_work());
    worker.turn(0ns);
    worker.turn(0ns);
    CHECK(sizes == std::vector<std::size_t>{most, most, 1});
    worker.turn(0ns);
    CHECK(sizes.size() == 3);
    CHECK(disorder == 0);
    CHECK_FALSE(worker.has_work());
}

TEST_CASE("an item is its owner's in the callback to move from, and dies right behind it if it is left") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    std::atomic<int> alive = 0;
    std::vector<Counted> kept;
    Queue<Counted> queue(worker, 8, [&](std::span<Counted> items) {
        CHECK(alive == 2);
        kept.push_back(std::move(items[0]));
    });
    CHECK(queue.sender().push(Counted(alive)) == Posted::ok);
    CHECK(queue.sender().push(Counted(alive)) == Posted::ok);
    worker.turn(0ns);
    CHECK(alive == 1);
}

TEST_CASE("what is pushed inside the callback comes in the next turn") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    Numbers seen;
    std::optional<Queue<int>> queue;
    queue.emplace(worker, 2, [&](std::span<int> items) {
        seen.insert(seen.end(), items.begin(), items.end());
        if (items[0] < 3) CHECK(push(queue->sender(), items[0] + 1) == Posted::ok);
    });
    CHECK(push(queue->sender(), 1) == Posted::ok);
    worker.turn(0ns);
    CHECK(seen == Numbers{1});
    worker.turn(0ns);
    worker.turn(0ns);
    CHECK(seen == Numbers{1, 2, 3});
}

TEST_CASE("a queue may die inside its callback, and the callback may throw then") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    using Ends = Queue<Counted>;
    alignas(Ends) static std::array<std::byte, sizeof(Ends)> place;
    static Ends* queue;
    std::atomic<int> alive = 0;
    int called = 0;
    auto counted = std::make_shared<const int>(1);
    queue = new (place.data()) Ends(worker, 4, [&called, &alive, counted](std::span<Counted> items) {
        CHECK(queue->sender().push(Counted(alive)) == Posted::ok);
        queue->~Ends();
        std::ranges::fill(place, std::byte(0xff));  // nobody may look at it any more
        CHECK(items.size() == 3);
        CHECK(counted.use_count() == 2);  // the callback is whole while it runs
        CHECK(items[2].at == &alive);     // and so are its items
        ++called;
        throw std::runtime_error("on purpose");
    });
    std::optional sender = queue->sender();
    for (int i = 0; i < 3; ++i) CHECK(sender->push(Counted(alive)) == Posted::ok);
    sim.run_for(1s);
    CHECK(called == 1);
    CHECK(counted.use_count() == 1);
    CHECK(alive == 1);  // the one that was pushed last
    CHECK(sender->push(Counted(alive)) == Posted::stopped);
    sender.reset();
    CHECK(alive == 0);
    CHECK_FALSE(worker.has_work());
}

TEST_CASE("a callback that throws loses its batch, and the queue goes on") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    std::atomic<int> alive = 0;
    int called = 0;
    Queue<Counted> queue(worker, 4, [&](std::span<Counted>) {
        if (++called == 1) throw std::runtime_error("on purpose");
    });
    for (int round = 1; round <= 3; ++round) {
        CHECK(queue.sender().push(Counted(alive)) == Posted::ok);
        worker.turn(0ns);
        CHECK(called == round);
        CHECK(alive == 0);
    }
}

TEST_CASE("what is left in a queue dies with it, or with the last sender") {
    Simulation sim(1);
    auto& worker = sim.add_host();
    std::atomic<int> alive = 0;
    int called = 0;
    for (const bool is_sender_kept : {false, true}) {
        std::optional<Queue<Counted>::Sender> kept;
        {
            Queue<Counted> queue(worker, 8, [&](std::span<Counted>) { ++called; });
            for (int i = 0; i < 5; ++i) CHECK(queue.sender().push(Counted(alive)) == Posted::ok);
            if (is_sender_kept) kept = queue.sender();
        }
        worker.turn(0ns);  // the message on its way finds nobody
        CHECK(alive == (is_sender_kept ? 5 : 0));
        kept.reset();
        CHECK(alive == 0);
    }
    CHECK(called == 0);
    CHECK_FALSE(worker.has_work());
}

TEST_CASE("a queue's items keep their alignment") {
    struct alignas(128) Wide {
        int number = 0;
    };
    Simulation sim(1);
    auto& worker = sim.add_host();
    int sum = 0;
    bool is_aligned = true;
    Queue<Wide> queue(worker, 4, [&](std::span<Wide> items) {
        for (const auto& item : items) {
            sum += item.number;
            is_aligned = is_aligned && reinterpret_cast<std::uintptr_t>(&item) % 128 == 0;
        }
    });
    for (int i = 1; i <= 3; ++i) CHECK(queue.sender().push(Wide{i}) == Posted::ok);
    worker.turn(0ns);
    CHECK(sum == 6);
    CHECK(is_aligned);
}

TEST_CASE("a push wakes a worker that sleeps") {
    Site site;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(hold, test::lent(site), 16u));
    for (std::uint32_t round = 1; round <= 500; ++round) {
        REQUIRE(site.sender->push({0, round, std::make_unique<std::uint64_t>(round)}) == Posted::ok);
        REQUIRE(test::comes([&] { return site.taken == round; }));
        if (round % 50 == 0) std::this_thread::sleep_for(2ms);  // so that it sleeps deeply
    }
}

namespace {

struct Refused {
    std::atomic<std::uint64_t> count = 0, eaten = 0;
};

/// Pushes 1, 2, 3 ... and again what was refused, until `most` are in or the queue is closed; answers how
/// many were taken.
std::uint32_t produce(const Queue<Item>::Sender& sender, std::uint32_t index, std::uint32_t most,
                      Refused& refused) {
    for (std::uint32_t number = 1; number <= most; ++number) {
        Item item{index, number, std::make_unique<std::uint64_t>(index + number)};
        for (;;) {
            const auto answer = sender.push(std::move(item));
            if (answer == Posted::ok) break;
            if (item.sum == nullptr) ++refused.eaten;
            if (answer == Posted::stopped) return number - 1;
            ++refused.count;
            std::this_thread::yield();
        }
    }
    return most;
}

}  // namespace

TEST_CASE("of what four threads push nothing is lost, doubled or out of its sender's order") {
    for (const std::size_t capacity : {2u, 64u, 4096u}) {
        CAPTURE(capacity);
        Site site;
        Reactor reactor({.workers = 1});
        REQUIRE(reactor.start(hold, test::lent(site), capacity));
        constexpr std::uint32_t each = 20'000;
        Refused refused;
        std::atomic<std::uint64_t> pushed = 0;
        std::vector<std::thread> threads;
        for (std::uint32_t index = 0; index < 4; ++index)
            threads.emplace_back(
                [&, index, sender = *site.sender] { pushed += produce(sender, index, each, refused); });
        for (auto& thread : threads) thread.join();
        CHECK(pushed == 4 * each);
        CHECK(test::comes([&] { return site.taken == 4 * each; }));
        reactor.stop(0ns);
        CHECK(site.taken == 4 * each);
        CHECK(site.disorder == 0);
        CHECK(site.wrong == 0);
        CHECK(site.too_long == 0);
        CHECK(site.last == std::array{each, each, each, each});
        CHECK(refused.eaten == 0);
        if (capacity == 2) CHECK(refused.count > 0);
    }
}

TEST_CASE("threads may push while the worker stops: what was taken came in order, the rest dies") {
    core::Logger quiet({.level = core::LogLevel::warn});
    for (int round = 0; round < 40; ++round) {
        Site site;
        Reactor reactor({.workers = 1, .logger = &quiet});
        REQUIRE(reactor.start(hold, test::lent(site), round % 2 == 0 ? 16u : 1024u));
        Refused refused;
        std::atomic<std::uint64_t> pushed = 0;
        std::vector<std::thread> threads;
        for (std::uint32_t index = 0; index < 4; ++index)
            threads.emplace_back([&, index, sender = *site.sender] {
                pushed += produce(sender, index, 0xFFFF'FFFE, refused);
            });
        CHECK(test::comes([&] { return site.taken >= 100; }));
        reactor.stop(0ns);
        for (auto& thread : threads) thread.join();  // all were told that it stopped
        CHECK(site.taken <= pushed);
        CHECK(site.taken == std::accumulate(site.last.begin(), site.last.end(), std::uint64_t(0)));
        CHECK(site.disorder == 0);
        CHECK(site.wrong == 0);
        CHECK(refused.eaten == 0);
    }
}
