// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/random.hpp>
#include <penstock/events/backend/simulated_backend.hpp>
#include <penstock/events/backends.hpp>

#include <algorithm>
#include <string>

#include <events/backend/worlds.hpp>

using namespace penstock::events;

namespace penstock::test {
namespace {

class OfSystem final : public World {
public:
    explicit OfSystem(const char* name) : name_(name) {}
    Result<std::unique_ptr<Backend>> make() override {
        auto made = make_backend(name_);
        if (!made) return fail(made);
        if (made->missing) return fail(made->missing);  // another would take its place
        return std::move(made->backend);
    }
    Address local(std::size_t) const override { return "127.0.0.1:0"; }

private:
    const char* const name_;
};

/// Each backend is a host of its own.
class InSimulation final : public World {
public:
    InSimulation(std::uint64_t seed, const Faults& faults)
        : random_(seed), chance_(random_, clock_, faults) {}

    Result<std::unique_ptr<Backend>> make() override {
        machines_.push_back(network_.add_machine());
        return std::make_unique<SimulatedBackend>(network_, machines_.back(),
                                                  "host " + std::to_string(machines_.size()));
    }
    bool can(Capability what) const override {
        return what == Capability::datagrams || what == Capability::unix_sockets;
    }
    bool is_seeded() const override { return true; }
    Address local(std::size_t n) const override { return network_.address_of(machines_[n], false); }
    void pass(std::chrono::nanoseconds at_most) override {
        auto until = clock_.now() + at_most;
        if (const auto next = network_.next_event()) until = std::min(until, std::max(*next, clock_.now()));
        clock_.turn_to(until);
        network_.advance();
    }

private:
    VirtualClock clock_;
    core::SeededRandom random_;
    SimulatedChance chance_;
    SimulatedTrace trace_{clock_};
    SimulatedNetwork network_{chance_, trace_};
    std::vector<int> machines_;
};

}  // namespace

std::unique_ptr<World> of_system(const char* name) { return std::make_unique<OfSystem>(name); }

std::unique_ptr<World> simulated(std::uint64_t seed) {
    return std::make_unique<InSimulation>(seed, Faults{});
}

std::unique_ptr<World> rough(std::uint64_t seed) {
    Faults faults;
    faults.short_transfer = 0.3;
    faults.late = 0.7;
    faults.again = 0.3;
    faults.delay_max = 500us;
    return std::make_unique<InSimulation>(seed, faults);
}

std::unique_ptr<Rig> make_rig(std::unique_ptr<World> world) {
    auto first = world->make();
    auto second = world->make();
    if (first && second)
        return std::make_unique<Rig>(std::move(world), std::move(*first), std::move(*second));
    MESSAGE("skipped: " << (first ? second : first).error().message());
    return nullptr;
}

void check(std::unique_ptr<World> (*make)(std::uint64_t seed), Promise promise) {
    const bool is_seeded = make(1)->is_seeded();
    for (const std::uint64_t seed : seeds(is_seeded ? 4 : 1)) {
        CAPTURE(seed);
        const auto rig = make_rig(make(seed));
        if (rig == nullptr) return;
        promise(*rig);
        if (rig->is_skipped()) return;
        rig->end();
    }
}

}  // namespace penstock::test
