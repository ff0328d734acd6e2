// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/reactor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::events {

class SimulatedNetwork;

/// What goes wrong in a simulated network, by chance.
struct Faults {
    double short_transfer = 0;              ///< a receive or a send takes less than it could
    double late = 0.5;                      ///< a submitted operation is pending, not done at once
    double reset = 0;                       ///< of a connection, at each transfer
    std::chrono::nanoseconds delay_max{0};  ///< on top of the 10 us that each segment takes
};

/// Whole workers in this one thread, with a virtual clock, an in-memory network and a scheduler that all hang
/// from one seed: the same seed gives the same run. Time passes only when nobody has anything to do.
///
/// Thread: one, all of it. Logs go to standard error with virtual times, warnings and worse.
class Simulation : core::Affine {
public:
    explicit Simulation(std::uint64_t seed, Faults faults = {});
    ~Simulation();

    /// A worker on a host of its own. The simulation's.
    Worker& add_host();
    /// Runs a coroutine on a host of its own; it may capture.
    template <class F>
        requires std::same_as<std::invoke_result_t<F&, Worker&>, Task<>>
    void spawn(F program) {
        spawn_program(std::make_unique<ProgramOf<F>>(std::move(program)));
    }

    /// Until every spawned task has ended. An error: nothing can happen any more, or nothing but turns does.
    /// Throws what a task has thrown.
    Result<void> run();
    /// Lets virtual time pass.
    void run_for(std::chrono::nanoseconds time);

    TimePoint now() const;
    const core::Clock& clock() const;
    core::Random& random();

private:
    struct Program {
        virtual ~Program() = default;
        virtual Task<> start(Worker& worker) = 0;
    };
    template <class F>
    struct ProgramOf final : Program {
        explicit ProgramOf(F f) : function(std::move(f)) {}
        Task<> start(Worker& worker) override { return function(worker); }
        F function;
    };
    void spawn_program(std::unique_ptr<Program> program);
    bool step();
    bool pass_time(TimePoint until);

    struct State;
    std::unique_ptr<State> state_;
};

/// Seeds for a test: `count` of them from 1 (PENSTOCK_SEEDS sets another count), or the one of PENSTOCK_SEED.
std::vector<std::uint64_t> seeds(std::size_t count);

}  // namespace penstock::events
