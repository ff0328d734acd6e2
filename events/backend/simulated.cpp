// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/backend/simulated_network.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <string>

namespace penstock::events {

namespace {

core::LogSettings warnings() {
    core::LogSettings out;
    out.level = core::LogLevel::warn;
    return out;
}

}  // namespace

struct Simulation::State {
    State(std::uint64_t seed, Faults faults) : random(seed), network(random, clock, faults) {}

    struct Host {
        SimulatedBackend* backend;
        WorkerGauges gauges;
        std::unique_ptr<Program> program;  // outlives its frames, which are the worker's
        std::unique_ptr<Worker> worker;
    };
    VirtualClock clock;
    core::SeededRandom random;
    SimulatedNetwork network;
    core::Logger logger{warnings()};
    std::vector<std::unique_ptr<Host>> hosts;
    std::size_t running = 0;
    std::exception_ptr thrown;
};

Simulation::Simulation(std::uint64_t seed, Faults faults) : state_(std::make_unique<State>(seed, faults)) {}

Simulation::~Simulation() {
    while (!state_->hosts.empty()) state_->hosts.pop_back();
}

TimePoint Simulation::now() const { return state_->clock.now(); }
const core::Clock& Simulation::clock() const { return state_->clock; }
core::Random& Simulation::random() { return state_->random; }

Worker& Simulation::add_host() {
    auto host = std::make_unique<State::Host>();
    auto backend = std::make_unique<SimulatedBackend>(state_->network);
    host->backend = backend.get();
    host->worker = std::make_unique<Worker>(Worker::Parts{
        .index = 0,
        .reactor = nullptr,
        .backend = std::move(backend),
        .clock = &state_->clock,
        .random = &state_->random,
        .log = &state_->logger.open("host " + std::to_string(state_->hosts.size()), state_->clock),
        .gauges = &host->gauges,
    });
    state_->hosts.push_back(std::move(host));
    return *state_->hosts.back()->worker;
}

void Simulation::spawn_program(std::unique_ptr<Program> program) {
    auto& worker = add_host();
    auto& host = *state_->hosts.back();
    host.program = std::move(program);
    ++state_->running;
    auto body = [](State& state, Program& run, Worker& on) -> Task<> {
        try {
            co_await run.start(on);
        } catch (...) {
            if (!state.thrown) state.thrown = std::current_exception();
        }
        --state.running;
    };
    const core::Home::Entered entered(&worker);
    worker.spawn(body(*state_, *host.program, worker));
}

/// One turn of each worker that has something to do, in an order of the seed's.
bool Simulation::step() {
    std::vector<Worker*> busy;
    for (auto& host : state_->hosts) {
        const auto deadline = host->worker->next_deadline();
        if (host->worker->has_work() || (deadline && *deadline <= now())) busy.push_back(host->worker.get());
    }
    const bool any = !busy.empty();
    while (!busy.empty()) {
        const auto at = static_cast<std::ptrdiff_t>(random().below(busy.size()));
        auto* worker = busy[static_cast<std::size_t>(at)];
        busy.erase(busy.begin() + at);
        worker->turn(std::chrono::nanoseconds(0));
    }
    return any;
}

/// To the next event, or to `until` when there is none before. False: nothing will ever happen.
bool Simulation::pass_time(TimePoint until) {
    auto next = until;
    auto note = [&](std::optional<TimePoint> at) {
        if (at && *at < next) next = *at;
    };
    note(state_->network.next_arrival());
    for (auto& host : state_->hosts) {
        note(host->worker->next_deadline());
        note(host->backend->next_completion());
    }
    if (next == TimePoint::max()) return false;
    state_->clock.turn_to(std::max(next, now()));
    return true;
}

Result<void> Simulation::run() {
    constexpr std::size_t turns_max = 1'000'000;  // without time passing
    std::size_t turns = 0;
    while (state_->running > 0 && !state_->thrown) {
        if (step()) {
            if (++turns > turns_max)
                return fail(Error::os(ELOOP, "the simulation turns and turns, and no time passes"));
            continue;
        }
        turns = 0;
        if (!pass_time(TimePoint::max()))
            return fail(Error::os(EDEADLK, "the simulation is stuck: nothing can happen any more"));
    }
    if (state_->thrown) std::rethrow_exception(std::exchange(state_->thrown, nullptr));
    return {};
}

void Simulation::run_for(std::chrono::nanoseconds time) {
    const auto until = now() + time;
    do {
        while (step()) {
        }
    } while (now() < until && pass_time(until));
    while (step()) {
    }
}

std::vector<std::uint64_t> seeds(std::size_t count) {
    if (const char* one = std::getenv("PENSTOCK_SEED")) return {std::strtoull(one, nullptr, 10)};
    if (const char* many = std::getenv("PENSTOCK_SEEDS")) count = std::strtoull(many, nullptr, 10);
    std::vector<std::uint64_t> out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = i + 1;
    return out;
}

}  // namespace penstock::events
