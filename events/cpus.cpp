// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/cpus.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include <sched.h>

namespace penstock::events {
namespace {

std::vector<int> affinity_mask() {
    std::vector<int> out;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
    if (out.empty()) out.push_back(0);
    return out;
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::optional<double> number(std::string_view text) {
    long long out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) return {};
    return static_cast<double>(out);
}

std::optional<double> ratio(std::string_view quota, std::string_view period) {
    const auto q = number(quota), p = number(period);
    if (!q || !p || *q <= 0 || *p <= 0) return {};  // "max", or -1
    return *q / *p;
}

std::optional<double> quota_in(const std::string& folder, bool is_v2) {
    if (!is_v2)
        return ratio(first_line(folder + "/cpu.cfs_quota_us"), first_line(folder + "/cpu.cfs_period_us"));
    const auto line = first_line(folder + "/cpu.max");
    const auto space = line.find(' ');
    if (space == std::string::npos) return {};
    return ratio(std::string_view(line).substr(0, space), std::string_view(line).substr(space + 1));
}

/// The smallest quota of the group and all above it.
std::optional<double> smallest_quota(const std::string& root, std::string group, bool is_v2) {
    std::optional<double> out;
    for (;;) {
        if (const auto quota = quota_in(root + group, is_v2); quota && (!out || *quota < *out)) out = quota;
        if (group.empty()) return out;
        group.resize(group.find_last_of('/') == std::string::npos ? 0 : group.find_last_of('/'));
    }
}

bool names_cpu(std::string_view controllers) {
    while (!controllers.empty()) {
        const auto comma = std::min(controllers.find(','), controllers.size());
        if (controllers.substr(0, comma) == "cpu") return true;
        controllers.remove_prefix(std::min(comma + 1, controllers.size()));
    }
    return false;
}

/// Lines are "0::/group" (v2) and "4:cpu,cpuacct:/group" (v1).
std::optional<double> cgroup_quota(const CpuSources& sources) {
    std::ifstream file(sources.cgroup_file);
    std::optional<double> out;
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find(':');
        const auto second = line.find(':', first == std::string::npos ? first : first + 1);
        if (second == std::string::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        auto group = line.substr(second + 1);
        if (group == "/") group.clear();
        const bool is_v2 = controllers.empty();
        if (!is_v2 && !names_cpu(controllers)) continue;
        const auto quota = is_v2 ? smallest_quota(sources.cgroup_root, group, true)
                                 : smallest_quota(sources.cgroup_root + "/cpu", group, false);
        if (quota && (!out || *quota < *out)) out = quota;
    }
    return out;
}

std::string decimal(double value) {
    char room[32];
    std::snprintf(room, sizeof room, "%.2f", value);
    return room;
}

}  // namespace

CpuPlan plan_cpus(unsigned wanted, const CpuSources& sources) {
    const auto mask = sources.affinity.empty() ? affinity_mask() : sources.affinity;
    CpuPlan out;
    std::size_t count = wanted;
    if (wanted != 0) {
        out.why = std::to_string(wanted) + (wanted == 1 ? " worker" : " workers") + " as set, " +
                  std::to_string(mask.size()) + " CPUs in the affinity mask";
    } else {
        count = mask.size();
        const auto quota = cgroup_quota(sources);
        if (quota)
            count = std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(*quota)), 1, mask.size());
        out.why = std::to_string(count) + (count == 1 ? " worker: " : " workers: ") +
                  std::to_string(mask.size()) + " CPUs in the affinity mask, " +
                  (quota ? "cgroup quota of " + decimal(*quota) + " CPUs" : std::string("no cgroup quota"));
    }
    for (std::size_t i = 0; i < count; ++i) out.cpus.push_back(mask[i % mask.size()]);
    return out;
}

}  // namespace penstock::events
