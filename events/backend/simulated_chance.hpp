// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/random.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/backend/simulated_clock.hpp>

#include <chrono>
#include <cstddef>

namespace penstock::events {

/// The faults of a simulation, and the dice that decide on them.
class SimulatedChance {
public:
    static constexpr std::chrono::microseconds delay_min{10};  ///< what everything takes that comes later

    SimulatedChance(core::Random& random, const VirtualClock& clock, const Faults& faults)
        : random_(random), clock_(clock), faults_(faults) {}

    const Faults& faults() const { return faults_; }
    void faults(const Faults& faults) { faults_ = faults; }

    TimePoint now() const { return clock_.now(); }
    TimePoint later() { return now() + delay_min + random_delay(); }
    std::chrono::nanoseconds random_delay() {
        if (faults_.delay_max.count() <= 0) return {};
        return std::chrono::nanoseconds(below(static_cast<std::uint64_t>(faults_.delay_max.count()) + 1));
    }
    bool happens(double probability) { return probability > 0 && random_.unit() < probability; }
    bool coin() { return (random_.word() & 1) != 0; }
    std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
    /// All, or by chance less; at least one. Requires most > 0.
    std::size_t portion(std::size_t most) { return happens(faults_.short_transfer) ? 1 + below(most) : most; }

private:
    core::Random& random_;
    const VirtualClock& clock_;
    Faults faults_;
};

}  // namespace penstock::events
