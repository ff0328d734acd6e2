// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/inbox.hpp>
#include <penstock/events/reactor.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

struct Seen {
    std::vector<std::uint64_t> last = std::vector<std::uint64_t>(8);
    std::uint64_t count = 0, disorder = 0;
};

void see(Worker& worker, std::uint32_t sender, std::uint64_t n) {
    auto& seen = worker.local<Seen>();
    ++seen.count;
    if (n != seen.last[sender] + 1) ++seen.disorder;
    seen.last[sender] = n;
}

struct Box {
    std::atomic<std::uint64_t>* at;
    static constexpr bool sendable = true;
};

/// Waits for an answer of worker `index`, from a foreign thread.
template <class F>
std::uint64_t ask(Reactor& reactor, unsigned index, F) {
    std::atomic<std::uint64_t> answer = 0;
    while (reactor.worker(index).post([](Worker& w, Box box) { box.at->store(F{}(w) + 1); }, Box{&answer}) !=
           Posted::ok)
        std::this_thread::yield();
    while (answer.load() == 0) std::this_thread::yield();
    return answer.load() - 1;
}

struct Lane final : Reply {
    std::uint32_t sender;
    std::uint64_t n;
};

}  // namespace

TEST_CASE("every message of every sender arrives once and in its order, in the ring and in the lane") {
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start());
    constexpr std::uint64_t each = 20'000;
    std::vector<std::thread> senders;
    std::atomic<std::uint64_t> refused = 0;
    for (std::uint32_t sender = 0; sender < 3; ++sender)
        senders.emplace_back([&, sender] {
            auto remote = reactor.worker(0);
            for (std::uint64_t n = 1; n <= each; ++n)
                while (remote.post(see, sender, n) != Posted::ok) {
                    ++refused;
                    std::this_thread::yield();
                }
        });
    for (auto& sender : senders) sender.join();
    CHECK(ask(reactor, 0, [](Worker& w) { return w.local<Seen>().count; }) == 3 * each);
    CHECK(ask(reactor, 0, [](Worker& w) { return w.local<Seen>().disorder; }) == 0);
    reactor.stop(1s);
    CHECK(reactor.worker(0).post(see, 0u, 1ul) == Posted::stopped);
}

TEST_CASE("replies and posts of one sender keep their order across both lanes") {
    auto& inbox = Inbox::open();
    inbox.on_wake([](void*) noexcept {}, nullptr);
    static std::vector<std::uint64_t> last(4), bad(1);
    last.assign(4, 0);
    bad[0] = 0;
    static auto note = [](std::uint32_t sender, std::uint64_t n) {
        if (n != last[sender] + 1) ++bad[0];
        last[sender] = n;
    };
    constexpr std::uint64_t each = 30'000;
    std::atomic<int> running = 3;
    std::vector<std::thread> senders;
    for (std::uint32_t sender = 0; sender < 3; ++sender)
        senders.emplace_back([&, sender] {
            for (std::uint64_t n = 1; n <= each; ++n) {
                if ((n * 2654435761u >> 7) % 3 == 0) {
                    auto* reply = new Lane;
                    reply->sender = sender;
                    reply->n = n;
                    reply->run = [](Reply& ran, Worker*) {
                        const std::unique_ptr<Lane> mine(static_cast<Lane*>(&ran));
                        note(mine->sender, mine->n);
                    };
                    inbox.reply(inbox.epoch(), *reply);
                    continue;
                }
                auto reserved = inbox.reserve(inbox.epoch());
                while (reserved.posted != Posted::ok) {
                    std::this_thread::yield();
                    reserved = inbox.reserve(inbox.epoch());
                }
                struct Payload {
                    std::uint32_t sender;
                    std::uint64_t n;
                    void run(Worker&) { note(sender, n); }
                };
                detail::fill(*reserved.cell, Payload{sender, n});
                inbox.publish(reserved);
            }
            --running;
        });
    alignas(Worker) static std::byte place[sizeof(Worker)];
    auto* none = reinterpret_cast<Worker*>(place);
    while (running > 0 || inbox.has_messages()) inbox.run(*none, 64);  // no message here looks at its worker
    for (auto& sender : senders) sender.join();
    inbox.run(*none, 1'000'000);
    CHECK(bad[0] == 0);
    CHECK(last == std::vector<std::uint64_t>{each, each, each, 0});
    inbox.close();
}

TEST_CASE("a post wakes a sleeping worker when its message can be seen, not before") {
    static Inbox* inbox;
    static std::size_t woken, seen;
    woken = seen = 0;
    inbox = &Inbox::open();
    alignas(Worker) static std::byte place[sizeof(Worker)];
    inbox->on_wake(
        [](void* worker) noexcept {
            ++woken;
            seen += inbox->run(*static_cast<Worker*>(worker), 1);  // as if it took the CPU at once
        },
        place);
    REQUIRE(inbox->go_to_sleep());
    const auto reserved = inbox->reserve(inbox->epoch());
    REQUIRE(reserved.posted == Posted::ok);
    detail::put_nothing(*reserved.cell);
    inbox->publish(reserved);
    CHECK(woken == 1);
    CHECK(seen == 1);
    inbox->close();
}

TEST_CASE("a full inbox answers full, a stopped one stopped, and the arguments stay with the caller") {
    auto& inbox = Inbox::open();
    const auto epoch = inbox.epoch();
    inbox.on_wake([](void*) noexcept {}, nullptr);
    for (std::size_t i = 0; i < Inbox::cells; ++i) {
        const auto reserved = inbox.reserve(epoch);
        REQUIRE(reserved.posted == Posted::ok);
        detail::put_nothing(*reserved.cell);
        inbox.publish(reserved);
    }
    CHECK(inbox.reserve(epoch).posted == Posted::full);
    inbox.close();
    CHECK(inbox.reserve(epoch).posted == Posted::stopped);
    auto& again = Inbox::open();  // the same head, recycled: the old epoch is still refused
    CHECK(again.reserve(epoch).posted == Posted::stopped);
    again.close();
}

TEST_CASE("what is left in the inbox at stop is destroyed, not run") {
    static std::atomic<int> runs;
    runs = 0;
    struct Heavy {
        std::shared_ptr<const int> counted;
    };
    auto alive = std::make_shared<const int>(1);
    {
        Reactor reactor({.workers = 1});
        REQUIRE(reactor.start());
        std::ignore = reactor.worker(0).post([](Worker& w) {
            for (int i = 0; i < 10; ++i)
                std::ignore = w.remote().post(
                    [](Worker& self) { std::ignore = self.remote().post([](Worker&) { ++runs; }); });
            w.reactor().stop_soon(0ns);
        });
        for (int i = 0; i < 100; ++i)
            std::ignore = reactor.worker(0).post([](Worker&, Heavy) {}, Heavy{alive});
        reactor.wait();
    }
    CHECK(alive.use_count() == 1);
}

TEST_CASE("a sleeping worker is woken by a post, and by a reply") {
    Reactor reactor({.workers = 2});
    REQUIRE(reactor.start());
    for (int i = 0; i < 200; ++i) {
        CHECK(ask(reactor, 0, [](Worker& w) { return std::uint64_t(w.index()); }) == 0);
        CHECK(ask(reactor, 1, [](Worker& w) { return std::uint64_t(w.index()); }) == 1);
        if (i % 20 == 0) std::this_thread::sleep_for(2ms);  // let it fall asleep
    }
}
