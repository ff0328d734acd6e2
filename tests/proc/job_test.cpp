// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/bytes.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/proc/detail/lanes.hpp>
#include <penstock/proc/detail/sleepers.hpp>
#include <penstock/proc/processor.hpp>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::proc;

namespace {

struct Thing {
    int n;
};
using Plain = int (*)(Queue&, std::string);
using View = void (*)(Queue&, std::string_view);

constexpr auto takes_int = [](Queue&, int) {};
constexpr auto repeats = [](Queue&, int& left) { return --left == 0 ? done() : again(); };
constexpr auto repeats_by_move = [](Queue&, std::unique_ptr<int>) { return done(); };
constexpr auto answers_view = [](Queue&) { return std::string_view("x"); };

// What a queue runs, and what it does not.
static_assert(Runnable<Plain, std::string>);
static_assert(Runnable<decltype(takes_int), int>);
static_assert(Runnable<decltype(repeats), int>);
static_assert(std::same_as<Outcome<decltype(repeats), int>, Result<void>>);
static_assert(std::same_as<Outcome<Plain, std::string>, Result<int>>);
static_assert(!Runnable<Plain, Thing>);
static_assert(!Runnable<View, std::string_view>);
static_assert(!Runnable<decltype(takes_int), core::Slice>);
static_assert(!Runnable<decltype(repeats_by_move), std::unique_ptr<int>>);  // a second run would find nothing
static_assert(Runnable<decltype(answers_view)>);
static_assert(!Answering<decltype(answers_view)>);      // its result may not cross back
static_assert(!std::default_initializable<Processor>);  // else local<Processor>() would make one

/// A job that notes its name when it runs.
struct Node final : Job {
    explicit Node(Priority p) : Job(p) {}
    Answer run(Queue&) override { return done(); }
    bool finish() override { return true; }
    void discard() override {}
    const char* name() const override { return "node"; }
};

}  // namespace

TEST_CASE("a lane that was passed over eight times has its turn") {
    detail::Lanes lanes;
    Node low(Priority::low), normal(Priority::normal), high(Priority::high);
    for (auto* node : {&low, &normal, &high}) lanes.push(*node);
    std::string order;
    for (int i = 0; i < 30; ++i) {
        auto* job = lanes.pop();
        REQUIRE(job != nullptr);
        order += "lnh"[static_cast<std::size_t>(job->priority)];
        lanes.push(*job);  // at once again
    }
    CHECK(order == "hhhhhhhhlnhhhhhhhlnhhhhhhhlnhh");
}

TEST_CASE("a lane keeps its order, and the highest one is first") {
    detail::Lanes lanes;
    Node a(Priority::low), b(Priority::low), c(Priority::high), d(Priority::normal);
    for (auto* node : {&a, &b, &c, &d}) lanes.push(*node);
    CHECK(lanes.pop() == &c);
    CHECK(lanes.pop() == &d);
    CHECK(lanes.pop() == &a);
    CHECK(lanes.pop() == &b);
    CHECK(lanes.pop() == nullptr);
    CHECK_FALSE(lanes.oldest());
}

TEST_CASE("sleepers come by time, and in order at equal times") {
    detail::Sleepers sleepers;
    Node a(Priority::low), b(Priority::low), c(Priority::low), d(Priority::low);
    const core::TimePoint zero;
    sleepers.push(a, zero + 2s);
    sleepers.push(b, zero + 1s);
    sleepers.push(c, zero + 1s);
    sleepers.push(d, zero + 3s);
    CHECK(sleepers.next() == zero + 1s);
    CHECK(sleepers.pop_due(zero + 999ms) == nullptr);
    CHECK(sleepers.pop_due(zero + 2s) == &b);
    CHECK(b.since == zero + 1s);
    sleepers.remove_if([&](Job& job) { return &job == &a; });
    CHECK(sleepers.pop_due(zero + 2s) == &c);
    CHECK(sleepers.pop_due(zero + 2s) == nullptr);
    CHECK(sleepers.pop_due(zero + 3s) == &d);
    CHECK_FALSE(sleepers.next());
}

TEST_CASE("of cancel and run exactly one wins, in every state") {
    Node waiting(Priority::low), running(Priority::low), resting(Priority::low), ended(Priority::low);
    CHECK(waiting.cancel());
    CHECK_FALSE(waiting.cancel());
    CHECK_FALSE(waiting.begin());

    REQUIRE(running.begin());
    CHECK_FALSE(running.cancel());
    CHECK_FALSE(running.rest());  // not again
    CHECK_FALSE(running.cancel());

    REQUIRE(resting.begin());
    REQUIRE(resting.rest());
    CHECK(resting.cancel());
    CHECK_FALSE(resting.begin());

    REQUIRE(ended.begin());
    ended.end();
    CHECK_FALSE(ended.cancel());
}

TEST_CASE("delays stay within their limits") {
    CHECK(done().is_done());
    CHECK_FALSE(again().is_done());
    CHECK(again(-5s).after() == 0ns);
    CHECK_FALSE(again(-5s).is_done());
    CHECK(again(std::chrono::nanoseconds::max()).after() == Answer::delay_max);
    CHECK(again(Answer::delay_max).after() == Answer::delay_max);
}

TEST_CASE("what is wrong with a processor's settings is told") {
    ProcessorSettings settings;
    const core::SettingsSection section(processor_settings, settings);
    const auto assign = [&](std::string_view name, core::SettingValue value) {
        return section.assign(*section.find(name), std::move(value)).has_value();
    };
    CHECK(assign("jobs_max", std::uint32_t(1)));
    CHECK_FALSE(assign("jobs_max", std::uint32_t(0)));
    CHECK(assign("jobs_max", std::uint32_t(16'777'216)));
    CHECK_FALSE(assign("jobs_max", std::uint32_t(16'777'217)));
    CHECK(assign("queues", std::uint32_t(4096)));
    CHECK_FALSE(assign("queues", std::uint32_t(4097)));
    CHECK(settings.queues == 4096);
}
