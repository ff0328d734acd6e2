// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/logger.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/backend/simulated_network.hpp>
#include <penstock/events/backend/simulated_worker.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::events {

/// Network and scheduler of a simulation, for itself and for the Reactors in it.
struct Simulation::State {
    State(std::uint64_t seed, const Faults& faults);
    ~State();

    /// A worker on a machine of its own, and what runs there.
    struct LoneHost final : Participant {
        std::optional<TimePoint> next_due() const override { return driven->next_due(); }
        void step() override { driven->turn(); }
        WorkerGauges gauges;
        std::unique_ptr<Program> program;  // outlives its frames, which are the worker's
        std::unique_ptr<SimulatedWorker> driven;
    };
    struct Member {
        Participant* participant;
        std::string name;
    };

    Log& open_log(const std::string& name);
    void close_log(Log& log);
    LoneHost& add_host();
    /// The parts that a simulation gives to each worker.
    SimulatedWorker::Parts parts(int machine, std::string name);
    /// One step of all that have something to do, in an order of the seed's. False: nobody has.
    bool step();
    /// To the next event, or to `until` when there is none before. False: nothing will ever happen.
    bool pass_time(TimePoint until);
    void join(Participant& participant, std::string name) {
        members.push_back({&participant, std::move(name)});
    }
    void leave(Participant& participant);
    int machine_of(const Host& host) const;
    std::string name_of(int machine) const { return "host " + std::to_string(machine); }
    void write_trace() const;

    const std::uint64_t seed;
    VirtualClock clock;
    core::SeededRandom random;
    SimulatedTrace trace{clock};
    SimulatedChance chance;
    SimulatedNetwork network{chance, trace};
    Log no_log;
    std::optional<core::Logger> logger;
    std::vector<std::unique_ptr<LoneHost>> hosts;
    std::uint64_t workers_made = 0;
    std::vector<Member> members, stepping;
    std::size_t running = 0;
    std::exception_ptr thrown;
};

}  // namespace penstock::events
