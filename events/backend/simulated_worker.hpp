// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/random.hpp>
#include <penstock/events/backend/simulated_backend.hpp>
#include <penstock/events/worker.hpp>

#include <memory>
#include <optional>

namespace penstock::events {

/// A worker without a thread: who drives it gives it one turn after the other. Between them it sleeps as a
/// worker with a thread does, and only a wake() shows that something was posted.
class SimulatedWorker {
public:
    struct Parts {
        SimulatedNetwork* network = nullptr;
        int machine = 0;
        std::string name{};
        std::uint64_t seed = 0;
        unsigned index = 0;
        Reactor* reactor = nullptr;
        const core::Clock* clock = nullptr;
        Log* log = nullptr;
        WorkerGauges* gauges = nullptr;
    };
    explicit SimulatedWorker(const Parts& parts);

    Worker& worker() const { return *worker_; }
    /// When a turn will have something to do; now or in the past: it has.
    std::optional<TimePoint> next_due() const;
    void turn();

private:
    core::SeededRandom random_;
    SimulatedBackend* backend_ = nullptr;  // the worker's
    std::unique_ptr<Worker> worker_;
    bool is_asleep_ = false;
};

}  // namespace penstock::events
