// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace penstock::events {

/// Which CPUs the workers are pinned to, and why so many.
struct CpuPlan {
    std::vector<int> cpus;  ///< one a worker; a CPU comes again when there are more workers than CPUs
    std::string why;        ///< "2 workers: 2 CPUs in the affinity mask, no cgroup quota"
};

/// Where the plan looks; tests give fixture files.
struct CpuSources {
    std::string cgroup_file = "/proc/self/cgroup";
    std::string cgroup_root = "/sys/fs/cgroup";
    std::vector<int> affinity;  ///< empty: sched_getaffinity
};

/// `wanted` workers, 0: as many as the affinity mask and the cgroup quota (v2 cpu.max, v1 cpu.cfs_quota_us;
/// of this group and those above it) allow: a quota of 1.5 CPUs makes two workers.
CpuPlan plan_cpus(unsigned wanted, const CpuSources& sources = {});

}  // namespace penstock::events
