// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/proc/detail/watch.hpp>
#include <penstock/proc/processor.hpp>

#include <atomic>
#include <fstream>
#include <sstream>
#include <string>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

using namespace penstock;
using namespace penstock::proc;

namespace {

std::string text_of(const std::string& file) {
    std::ostringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
}
std::size_t count(const std::string& text, std::string_view part) {
    std::size_t out = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
    return out;
}

struct LogFile {
    LogFile() { REQUIRE(logger.start()); }
    std::string text() {
        logger.flush();
        return text_of(path);
    }
    test::TemporaryFolder folder;
    std::string path = folder.file("log");
    core::Logger logger{{.file = path}};
};

struct Box {
    std::atomic<bool>* go;
    static constexpr bool sendable = true;
};

/// A clock that a test moves.
struct TestClock final : core::Clock {
    core::TimePoint now() const override { return time; }
    core::WallTime wall() const override { return {}; }
    core::TimePoint time{};
};

}  // namespace

TEST_CASE("a run that takes too long is warned of once, and a queue each time that it falls behind") {
    LogFile file;
    auto& log = file.logger.open("processor");
    detail::Watch watch({.held_warning = 100ms, .waiting_warning = 1000ms}, 1, log);
    QueueStatus queue;
    queue.holding = 100ms;
    queue.oldest = 1000ms;
    watch.check(0, queue);  // at the limits: nothing
    CHECK(file.text().empty());
    queue.holding = 101ms;
    watch.check(0, queue);
    queue.holding = 500ms;
    watch.check(0, queue);
    CHECK(count(file.text(), "still holds its queue") == 1);
    queue.run = 1;  // the next one
    watch.check(0, queue);
    CHECK(count(file.text(), "still holds its queue") == 2);
    queue.oldest = 1001ms;
    watch.check(0, queue);
    watch.check(0, queue);
    CHECK(count(file.text(), "jobs wait for long") == 1);
    queue.oldest = 0ms;
    watch.check(0, queue);
    queue.oldest = 2s;
    watch.check(0, queue);
    CHECK(count(file.text(), "jobs wait for long") == 2);
}

TEST_CASE("the watch may be switched off") {
    CHECK(detail::Watch::period({.held_warning = 0ms, .waiting_warning = 0ms}) == 0ms);
    CHECK(detail::Watch::period({.held_warning = 200ms, .waiting_warning = 0ms}) == 100ms);
    CHECK(detail::Watch::period({.held_warning = 1ms, .waiting_warning = 1000ms}) == 10ms);
    CHECK(detail::Watch::period({.held_warning = 1h, .waiting_warning = 1h}) == 1s);
}

TEST_CASE("a queue tells the age of its oldest job, taken or not") {
    LogFile file;
    TestClock clock;
    clock.time += 1h;
    Processor jobs({.queues = 1, .waiting_warning = 1000ms, .logger = &file.logger});
    REQUIRE(jobs.start_inline(clock));
    constexpr auto nothing = [](Queue&) {};
    REQUIRE(jobs.add(nothing) == Posted::ok);
    clock.time += 1s;
    REQUIRE(jobs.add(nothing) == Posted::ok);
    clock.time += 2s;
    CHECK(jobs.status(0).oldest == 3s);
    CHECK(jobs.status(0).jobs == 2);
    CHECK(jobs.step());
    CHECK(jobs.status(0).oldest == 2s);
    CHECK(jobs.step());
    CHECK(jobs.status(0).oldest == 0s);
    const auto waited = jobs.status(0).waited;
    CHECK(waited.count() == 2);
    CHECK(waited.sum == 5'000'000'000);
    CHECK(count(file.text(), "jobs wait for long") == 1);
}

TEST_CASE("a job that holds its queue is logged while it runs and behind it, one that throws by its text") {
    LogFile file;
    Processor jobs({.queues = 1, .held_warning = 20ms, .logger = &file.logger});
    REQUIRE(jobs.start());
    std::atomic<bool> go = false;
    constexpr auto hold = [](Queue&, Box box) { box.go->wait(false); };
    constexpr auto bad = [](Queue&) { throw std::runtime_error("no disk"); };
    constexpr auto worse = [](Queue&) { throw 7; };
    REQUIRE(jobs.add(hold, Box{&go}) == Posted::ok);
    REQUIRE(jobs.add(bad) == Posted::ok);
    REQUIRE(jobs.add(worse) == Posted::ok);
    while (count(file.text(), "still holds its queue") == 0) {
    }
    CHECK(jobs.status(0).holding > 20ms);
    go = true;
    go.notify_all();
    CHECK(jobs.stop(1min).cut == 0);
    const auto text = file.text();
    CHECK(count(text, "processor: a job still holds its queue queue=0") == 1);
    CHECK(count(text, "queue 0: a job held its queue") >= 1);  // a throw may take long, too
    CHECK(count(text, "what=\"no disk\"") == 1);
    CHECK(count(text, "exception caught") == 2);
    CHECK(jobs.status(0).thrown == 2);
    CHECK(jobs.status(0).run == 3);
    CHECK(jobs.status(0).holding == 0ns);
}
