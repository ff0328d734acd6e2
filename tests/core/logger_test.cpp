// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>
#include <sys/resource.h>
#include <unistd.h>

using namespace penstock;
using core::Logger;
using core::LogSettings;

// Counts the allocations of each thread: a log call makes none. (Inlined, they are falsely warned of; and the
// thread sanitizer has its own.)
namespace {
thread_local std::size_t allocations = 0;
}
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PENSTOCK_OWN_NEW 0
#endif
#endif
#ifndef PENSTOCK_OWN_NEW
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace {

struct StillClock final : core::Clock {
    core::TimePoint now() const override { return {}; }
    core::WallTime wall() const override { return core::WallTime(1'795'514'400'123ms); }
};
const StillClock clock_2026;

/// A file of its own, which goes with it.
struct LogFile {
    LogFile() { std::ofstream{path}; }
    std::vector<std::string> lines() const {
        std::vector<std::string> out;
        std::ifstream in(path);
        for (std::string line; std::getline(in, line);) out.push_back(line);
        return out;
    }
    const test::TemporaryFolder folder{};
    const std::string path = folder.file("log");
};

/// Lines of `text`, and those that are reported as lost.
struct Tally {
    std::size_t written = 0, lost = 0;
    Tally(const std::vector<std::string>& lines, std::string_view text) {
        for (const auto& line : lines) {
            const auto end = line.find(" log lines were lost");
            if (end != std::string::npos)  // it may stand behind half a line
                lost += std::stoul(line.substr(line.rfind(' ', end - 1) + 1));
            else if (line.find(text) != std::string::npos)
                ++written;
        }
    }
};

}  // namespace

TEST_CASE("a line reaches the file in its form") {
    LogFile file;
    Logger logger({.file = file.path});
    auto& log = logger.open("worker 0", clock_2026);
    log.info("accept failed", {"peer", Address("127.0.0.1:80")});
    log.warn("odd");
    logger.flush();
    CHECK(file.lines() ==
          std::vector<std::string>{"2026-11-24T10:00:00.123Z info  worker 0: accept failed peer=127.0.0.1:80",
                                   "2026-11-24T10:00:00.123Z warn  worker 0: odd"});
}

TEST_CASE("the level holds for all logs, at once") {
    LogFile file;
    Logger logger({.level = LogLevel::warn, .file = file.path});
    auto& log = logger.open("a", clock_2026);
    log.info("left out");
    log.warn("in");
    logger.level(LogLevel::debug);
    CHECK(logger.level() == LogLevel::debug);
    log.debug("also in");
    logger.level(LogLevel::off);
    log.error("left out");
    logger.flush();
    CHECK(file.lines().size() == 2);
}

TEST_CASE("a warning is out without a flush") {
    LogFile file;
    Logger logger({.file = file.path});
    logger.open("a", clock_2026).warn("odd");
    for (int i = 0; i < 1000 && file.lines().empty(); ++i) ::usleep(1000);
    CHECK(file.lines().size() == 1);
}

TEST_CASE("the destructor flushes") {
    LogFile file;
    {
        Logger logger({.file = file.path});
        auto& log = logger.open("a", clock_2026);
        for (int i = 0; i < 100; ++i) log.info("line");
    }
    CHECK(file.lines().size() == 100);
}

TEST_CASE("a logger that was never used has no thread and flushes at once") {
    Logger logger;
    logger.flush();
}

TEST_CASE("what finds the ring full is lost, and a line says how many") {
    LogFile file;
    constexpr std::size_t count = 20'000;
    Logger logger({.file = file.path, .ring_bytes = 0});
    auto& log = logger.open("a", clock_2026);
    for (std::size_t i = 0; i < count; ++i) log.info("line", {"number", i});
    logger.flush();
    const Tally tally(file.lines(), " line ");
    CHECK(log.lost() > 0);
    CHECK(tally.lost == log.lost());
    CHECK(tally.written + tally.lost == count);
    log.info("there is room again");
    logger.flush();
    CHECK(file.lines().back() == "2026-11-24T10:00:00.123Z info  a: there is room again");
}

TEST_CASE("a log call allocates nothing") {
    LogFile file;
    Logger logger({.file = file.path});
    auto& log = logger.open("a", clock_2026);
    const Address peer("[::1]:80");
    const std::string text(2000, 'x');
    const auto before = allocations;
    log.info("line", {"peer", peer}, {"text", text}, {"error", Error::os(EPIPE)}, {"took", 3ms});
    log.warn("line", {"number", 1}, {"id", core::NodeId()});
    log.debug("below the level", {"text", text});
    CHECK(allocations == before);
}

TEST_CASE("many threads log at once, and flush and level come between") {
    LogFile file;
    Logger logger({.file = file.path});
    constexpr std::size_t threads = 4, count = 2000;
    std::vector<std::thread> all;
    std::atomic<std::uint64_t> lost = 0;
    for (std::size_t t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            auto& log = logger.open("worker " + std::to_string(t));
            for (std::size_t i = 0; i < count; ++i) {
                if (i % 100 == 0)
                    log.warn("line", {"number", i});
                else
                    log.info("line", {"number", i});
                if (i % 500 == 0) logger.flush();
            }
            lost += log.lost();
            logger.close(log);
        });
    for (int i = 0; i < 20; ++i) {
        logger.flush();
        logger.level(LogLevel::info);
    }
    for (auto& thread : all) thread.join();
    logger.flush();
    const Tally tally(file.lines(), " line ");
    CHECK(tally.written + lost == threads * count);
    CHECK(tally.lost == lost);
}

TEST_CASE("a closed log is used again by its name, so restarts don't add up") {
    LogFile file;
    Logger logger({.file = file.path});
    auto& first = logger.open("worker 0", clock_2026);
    auto& same_name = logger.open("worker 0", clock_2026);
    CHECK(&first != &same_name);  // both are in use
    first.info("before");
    logger.close(first);
    CHECK(&logger.open("worker 1", clock_2026) != &first);
    std::thread([&] {
        auto& again = logger.open("worker 0");
        CHECK(&again == &first);
        again.info("after");
    }).join();
    logger.flush();
    const auto lines = file.lines();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].ends_with(" worker 0: before"));
    CHECK(lines[1].ends_with(" worker 0: after"));
}

TEST_CASE("a clock may go once its log is closed") {
    LogFile file;
    Logger logger({.file = file.path});
    auto clock = std::make_unique<StillClock>();
    auto& log = logger.open("a", *clock);
    logger.close(log);
    clock.reset();
    log.info("late");
    logger.flush();
    CHECK(file.lines().size() == 1);
}

TEST_CASE("a file that can't be opened is an error of start, not of open") {
    Logger logger({.level = LogLevel::off, .file = "/nowhere/at/all.log"});
    const auto started = logger.start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error() == Error::os(ENOENT));
    logger.open("a").error("to standard error");
    logger.flush();
}

TEST_CASE("what can't be written is counted, and told as soon as it can") {
    LogFile file;
    Logger logger({.file = file.path});
    auto& log = logger.open("a", clock_2026);
    constexpr std::size_t count = 20;
    ::rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const ::rlimit little{4096, before.rlim_max};  // as if the disk were full
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &little) == 0);
    for (std::size_t i = 0; i < count; ++i) log.info("line", {"text", std::string(1000, 'x')});
    logger.flush();
    CHECK(Tally(file.lines(), " line ").lost == 0);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    logger.flush();
    const Tally tally(file.lines(), " line ");
    CHECK(tally.lost > 0);
    CHECK(tally.written + tally.lost >= count);
    const auto lines = file.lines().size();
    logger.flush();
    CHECK(file.lines().size() == lines);  // told once
}

TEST_CASE("a file that grew too long is set aside, and the oldest goes") {
    LogFile file;
    {
        Logger logger({.file = file.path, .file_bytes_max = 4096, .old_files_max = 2});
        auto& log = logger.open("a", clock_2026);
        for (int i = 0; i < 20; ++i) {
            log.info("line", {"text", std::string(1000, 'x')});
            logger.flush();
        }
    }
    CHECK(std::filesystem::exists(file.path + ".1"));
    CHECK(std::filesystem::exists(file.path + ".2"));
    CHECK_FALSE(std::filesystem::exists(file.path + ".3"));
    for (const char* suffix : {"", ".1", ".2"}) {
        CHECK(std::filesystem::file_size(file.path + suffix) <= 4096);
        if (*suffix != 0) std::filesystem::remove(file.path + suffix);
    }
}
