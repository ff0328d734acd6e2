// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include <bench/measure.hpp>
#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

using namespace penstock::bench;
using namespace std::chrono_literals;

namespace {

/// A folder of programs that are shell scripts.
class Programs {
public:
    void add(const char* name, const char* script) {
        const auto path = folder_.path() + "/" + name;
        std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    }
    Plan plan() const {
        Plan out;
        out.rounds = 2;
        out.slice = 7ms;
        out.folder = std::string(folder_.path()) + "/";
        return out;
    }

private:
    penstock::test::TemporaryFolder folder_;
};

Case timed() {
    return {.group = "g",
            .name = "n",
            .unit = "timer",
            .measure = OwnTime{.arguments = {"3"}, .figures = {"arm", "cancel"}},
            .contestants = {{"floor", "a", Role::floor}, {"ours", "b", Role::ours}, {"libuv", "c"}},
            .aims = {{"floor", 2}}};
}

}  // namespace

TEST_CASE("programs that time themselves get their arguments and the slice, and their figures are summed") {
    Programs programs;
    programs.add("a", "echo arm $1; echo cancel $2");
    programs.add("b", "echo cancel 20; echo arm 1");
    const auto samples = measure(timed(), programs.plan());
    REQUIRE(samples.has_value());
    CHECK(*samples->value(0) == 10);
    CHECK(*samples->ratio(1, 0) == doctest::Approx(2.1));
    CHECK(*samples->figure(1, 1) == 20);
    CHECK_FALSE(samples->is_present(2));
    CHECK_FALSE(samples->busy(0).has_value());
    CHECK(samples->slices_taken() == 8);  // two rounds of two slices, without looking at the cores
    CHECK_FALSE(samples->is_far());
}

TEST_CASE("one program that goes wrong ends the case") {
    Programs programs;
    programs.add("a", "echo arm 3; echo cancel 7");
    programs.add("b", "echo arm 3");
    CHECK_FALSE(measure(timed(), programs.plan()).has_value());
    programs.add("b", "echo arm 3; echo cancel 7; exit 1");
    CHECK_FALSE(measure(timed(), programs.plan()).has_value());
}

TEST_CASE("the programs of the floor measure what their cases ask for") {
    Plan plan;
    plan.rounds = 1;
    plan.slices = 1;
    plan.slice = 1ms;
    plan.near_wait = 0ms;
    plan.folder = BENCH_FOLDER;
    for (const auto& test : cases()) {
        if (!std::holds_alternative<OwnTime>(test.measure)) continue;
        CAPTURE(test.title());
        auto floor = test;
        std::erase_if(floor.contestants, [](const Contestant& c) { return c.role != Role::floor; });
        REQUIRE(floor.contestants.size() == 1);
        const auto samples = measure(floor, plan);
        REQUIRE(samples.has_value());
        CHECK(*samples->value(0) > 0);
    }
}

TEST_CASE("the memory of connections is what the server takes more") {
    Case test{.group = "g",
              .name = "n",
              .unit = "connection",
              .measure = MemoryPerConnection(
                  {.protocol = Protocol::echo, .request = "ping", .body = "ping", .connections = 2'000}),
              .contestants = {{"floor", "bench_bare_echo", Role::floor}},
              .aims = {}};
    Plan plan;
    plan.rounds = 1;
    plan.folder = BENCH_FOLDER;
    const auto samples = measure(test, plan);
    REQUIRE(samples.has_value());
    CHECK(*samples->value(0) < 16);  // it keeps nothing
}
