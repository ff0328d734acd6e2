// SPDX-License-Identifier: Apache-2.0
// Posts, calls and scheduled functions across workers, with stops in the middle: each message exactly once,
// as run or as dropped; those of one sender in order.
#include <penstock/events/reactor.hpp>
#include <penstock/events/scheduled.hpp>
#include <penstock/events/timer.hpp>

#include <map>
#include <memory>
#include <utility>

#include <doctest/doctest.h>

#include "scenario.hpp"

using namespace penstock;
using namespace penstock::events;
using test::Lent;

namespace {

struct Fates {
    struct Way {
        int sent = 0, run = 0, dropped = 0;
    };
    std::map<std::pair<unsigned, unsigned>, Way> ways;  // from sender to receiver
    bool in_order = true, at_home = true;
    int scheduled = 0, due = 0, cancelled = 0, early = 0;
    int called = 0, answered = 0, refused = 0;
};

/// Tells once whether it was run or died.
class Message {
public:
    Message(Fates& fates, unsigned from, unsigned to)
        : fates_(&fates), from_(from), to_(to), number_(fates.ways[{from, to}].sent++) {}
    Message(Message&& other) noexcept
        : fates_(std::exchange(other.fates_, nullptr)),
          from_(other.from_),
          to_(other.to_),
          number_(other.number_) {}
    Message& operator=(Message&&) = delete;
    ~Message() {
        if (fates_ != nullptr) ++fates_->ways[{from_, to_}].dropped;
    }
    void run(const Worker& worker) {
        auto& way = fates_->ways[{from_, to_}];
        fates_->in_order = fates_->in_order && number_ == way.run;
        fates_->at_home = fates_->at_home && worker.index() == to_ && Worker::current() == &worker;
        ++way.run;
        fates_ = nullptr;
    }
    /// It was refused, and has come back.
    void take_back() {
        --fates_->ways[{from_, to_}].sent;
        fates_ = nullptr;
    }
    int number() const { return number_; }
    static constexpr bool sendable = true;

private:
    Fates* fates_;
    unsigned from_, to_;
    int number_;
};

/// On each worker: posts to others at random times.
class Sender {
public:
    Sender(Worker& worker, Fates& fates) : worker_(worker), fates_(fates), timer_(worker, [this] { act(); }) {
        timer_.arm(1us);
    }

private:
    void act() {
        auto& random = worker_.random();
        for (auto i = random.below(20); i > 0; --i) send();
        if (random.below(3) == 0) schedule_one();
        if (random.below(4) == 0) worker_.spawn(call_one(worker_, fates_));
        timer_.arm(std::chrono::microseconds(random.below(300)));
    }
    void send() {
        auto& reactor = worker_.reactor();
        const auto to = static_cast<unsigned>(worker_.random().below(reactor.workers()));
        const auto burst = worker_.random().below(50) == 0 ? 3'000u : 1u;  // more than a turn takes
        for (auto i = 0u; i < burst; ++i) {
            Message message(fates_, worker_.index(), to);
            auto run = [](Worker& here, Message it) { it.run(here); };
            if (reactor.worker(to).post(run, std::move(message)) != Posted::ok) return message.take_back();
        }
    }
    void schedule_one() {
        const auto after = std::chrono::microseconds(worker_.random().below(2'000));
        const auto to = static_cast<unsigned>(worker_.random().below(worker_.reactor().workers()));
        ++fates_.scheduled;
        auto ends = [](Worker* here, Lent<Fates> all, core::TimePoint due) {
            if (here == nullptr) {
                ++all->cancelled;
                return;
            }
            ++all->due;
            if (here->now() < due) ++all->early;
        };
        auto made =
            schedule(worker_.reactor().worker(to), after, ends, test::lent(fates_), worker_.now() + after);
        if (worker_.random().below(2) == 0) made.cancel();
    }
    /// What is posted to the caller before it is answered comes there before the answer.
    static int post_back(Worker& here, Remote<Worker> caller, unsigned index, Lent<Fates> fates) {
        Message message(*fates, here.index(), index);
        const int number = message.number();
        auto run = [](Worker& there, Message it) { it.run(there); };
        if (caller.post(run, std::move(message)) == Posted::ok) return number;
        message.take_back();
        return -1;
    }
    static Task<> call_one(Worker& worker, Fates& fates) {
        ++fates.called;
        const auto index = static_cast<unsigned>(worker.random().below(worker.reactor().workers()));
        const auto number = co_await worker.reactor().worker(index).call(post_back, worker.remote(),
                                                                         worker.index(), test::lent(fates));
        ++(number ? fates.answered : fates.refused);
        if (number) fates.in_order = fates.in_order && fates.ways[{index, worker.index()}].run > *number;
    }

    Worker& worker_;
    Fates& fates_;
    Timer timer_;
};

Result<void> set_up(Worker& worker, Lent<Fates> fates) {
    worker.make_local<Sender>(worker, *fates);
    return {};
}

}  // namespace

TEST_CASE("posts are run in order, or die in the stop that finds them, each once") {
    for (const auto seed : seeds(1000)) {
        CAPTURE(seed);
        Fates fates;
        {
            Simulation sim(seed, test::draw_faults(seed));
            Reactor reactor(sim, {.workers = 1 + static_cast<unsigned>(sim.random().below(4))});
            for (auto rounds = 1 + sim.random().below(2); rounds > 0; --rounds) {
                REQUIRE(reactor.start(set_up, test::lent(fates)));
                sim.run_for(std::chrono::microseconds(sim.random().below(3'000)));
                if (sim.random().below(2) == 0)
                    reactor.stop_soon(std::chrono::microseconds(sim.random().below(500)));
                if (sim.random().below(2) == 0)
                    sim.run_for(std::chrono::microseconds(sim.random().below(200)));
                reactor.stop(std::chrono::microseconds(sim.random().below(500)));
                for (auto& [way, count] : fates.ways) {
                    CHECK(count.run + count.dropped == count.sent);
                    count = {};
                }
                CHECK(fates.due + fates.cancelled == fates.scheduled);
            }
        }
        CHECK(fates.in_order);
        CHECK(fates.at_home);
        CHECK(fates.early == 0);
        CHECK(fates.answered + fates.refused <= fates.called);  // frames that a stop found are gone
    }
}
