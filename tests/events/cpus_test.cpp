// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/cpus.hpp>

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

using namespace penstock;
using namespace penstock::events;

namespace {

struct Cgroups {
    test::TemporaryFolder folder;
    CpuSources sources;

    explicit Cgroups(const std::string& own, std::vector<int> affinity) {
        put("cgroup", own);
        sources = {folder.path() + "/cgroup", folder.path() + "/fs", std::move(affinity)};
    }
    void put(const std::string& name, const std::string& text) {
        const auto path = folder.path() + "/" + name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path) << text;
    }
};

}  // namespace

TEST_CASE("without a quota there is one worker for each CPU of the mask") {
    Cgroups host("0::/\n", {2, 3, 5});
    const auto plan = plan_cpus(0, host.sources);
    CHECK(plan.cpus == std::vector<int>{2, 3, 5});
    CHECK(plan.why == "3 workers: 3 CPUs in the affinity mask, no cgroup quota");
}

TEST_CASE("a cgroup v2 quota rounds up, and the tightest group above counts") {
    Cgroups host("0::/system.slice/node.service\n", {0, 1, 2, 3, 4, 5, 6, 7});
    host.put("fs/system.slice/node.service/cpu.max", "max 100000\n");
    host.put("fs/system.slice/cpu.max", "250000 100000\n");
    const auto plan = plan_cpus(0, host.sources);
    CHECK(plan.cpus.size() == 3);
    CHECK(plan.why == "3 workers: 8 CPUs in the affinity mask, cgroup quota of 2.50 CPUs");
    host.put("fs/system.slice/node.service/cpu.max", "20000 100000\n");
    CHECK(plan_cpus(0, host.sources).cpus.size() == 1);
}

TEST_CASE("a cgroup v1 quota counts, minus one is none") {
    Cgroups host("5:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n", {0, 1, 2, 3});
    host.put("fs/cpu/docker/abc/cpu.cfs_quota_us", "150000\n");
    host.put("fs/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    CHECK(plan_cpus(0, host.sources).cpus.size() == 2);
    host.put("fs/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
    CHECK(plan_cpus(0, host.sources).cpus.size() == 4);
}

TEST_CASE("a quota larger than the mask, or damaged files, change nothing") {
    Cgroups host("0::/a\nnonsense\n::\n", {0, 1});
    host.put("fs/a/cpu.max", "900000 100000\n");
    CHECK(plan_cpus(0, host.sources).cpus.size() == 2);
    for (const char* text : {"", "x 100000", "100000", "100000 0", "1 100000 extra", "-5 100000"}) {
        CAPTURE(text);
        host.put("fs/a/cpu.max", text);
        CHECK(plan_cpus(0, host.sources).cpus.size() == 2);
    }
}

TEST_CASE("more workers than CPUs are legal") {
    const auto plan = plan_cpus(5, {.affinity = {0, 1}});
    CHECK(plan.cpus == std::vector<int>{0, 1, 0, 1, 0});
    CHECK(plan.why == "5 workers as set, 2 CPUs in the affinity mask");
}
