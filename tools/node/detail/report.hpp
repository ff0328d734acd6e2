// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/counter.hpp>
#include <penstock/node/detail/gathering.hpp>
#include <penstock/node/detail/site.hpp>

#include <string>
#include <vector>

namespace penstock::node {

/// How a node is, at one time: what its status pages and metrics show.
struct Report {
    struct Line {
        int cpu = 0;
        std::size_t connections = 0;
        unsigned busy = 0;                   ///< thousandths
        std::optional<WorkerReport> told{};  ///< nothing: the worker is silent
        std::uint64_t stalls = 0;            ///< callbacks that held it for longer than the limit
        core::HistogramCounts turns_ns{};    ///< what turns took, less their waits
    };
    std::string node_id;
    std::chrono::seconds up{0};
    bool is_draining = false;
    std::vector<Line> workers;
    std::vector<proc::QueueStatus> queues;

    std::string json() const;
    /// The text form of Prometheus, 0.0.4.
    std::string metrics() const;
    /// For people at a terminal.
    std::string text() const;
};

/// After the workers were asked. Thread: a worker's.
Report make_report(Worker& worker, const Site& site, const Gathering& gathering);

}  // namespace penstock::node
