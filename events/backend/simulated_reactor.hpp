// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/worker.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace penstock::events {

/// The workers of one Reactor in a simulation, in the place of its threads: they share one machine, and thus
/// its address and ports. Owner: the Reactor; the machine stays the same from start to start.
class SimulatedReactor {
public:
    /// What the Reactor knows of one of its workers.
    class Service {
    public:
        /// When it has served for long enough; nothing: nobody has stopped it.
        virtual std::optional<TimePoint> over_at(const Worker& worker) const = 0;
        /// That time has come: the worker dies next.
        virtual void on_over(Worker& worker) = 0;

    protected:
        ~Service() = default;
    };

    explicit SimulatedReactor(Simulation& simulation);
    ~SimulatedReactor();

    const core::Clock& clock() const;
    /// Makes a worker. Of `parts` index, reactor and gauges count, and settings of the worker itself;
    /// `logger` may be null.
    Worker& add(Worker::Parts parts, core::Logger* logger, Service& service);
    /// Hands the workers to the scheduler.
    void serve();
    /// Returns when all are over, at that time at the latest. Until then the whole simulation runs, or, when
    /// none is left to wait for, these workers alone.
    void finish(std::chrono::nanoseconds at_most);
    void wait();
    /// Those that are left die without having served.
    void drop();

private:
    class Driven;
    bool is_over() const;

    Simulation& simulation_;
    const int machine_;
    std::vector<std::unique_ptr<Driven>> workers_;
};

}  // namespace penstock::events
