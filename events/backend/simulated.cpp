// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/backend/simulated_state.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <utility>

namespace penstock::events {
namespace {

constexpr std::size_t rounds_max = 1'000'000;  // without time passing

bool is_replay() { return std::getenv("PENSTOCK_SEED") != nullptr; }

const char* trace_file() { return std::getenv("PENSTOCK_TRACE"); }

}  // namespace

// The state.

Simulation::State::State(std::uint64_t s, const Faults& faults)
    : seed(s), random(s), chance(random, clock, faults) {
    if (trace_file() != nullptr) trace.start();
    if (is_replay()) logger.emplace();  // else nobody looks on, and its thread costs more than a short run
}

Simulation::State::~State() {
    while (!hosts.empty()) {
        leave(*hosts.back());
        hosts.pop_back();
    }
    PENSTOCK_ASSERT(members.empty());  // Reactors, Processors and Nodes die before their simulation
    if (trace_file() != nullptr) write_trace();
}

void Simulation::State::write_trace() const {
    auto* file = std::fopen(trace_file(), "a");
    if (file == nullptr) return;
    std::fprintf(file, "seed %llu\n%s", static_cast<unsigned long long>(seed), trace.text().c_str());
    std::fclose(file);
}

SimulatedWorker::Parts Simulation::State::parts(int machine, std::string name) {
    constexpr std::uint64_t apart = 0xD1B54A32D192ED03;  // odd: each has a seed of its own
    SimulatedWorker::Parts out;
    out.network = &network;
    out.machine = machine;
    out.name = std::move(name);
    out.seed = seed + ++workers_made * apart;
    out.clock = &clock;
    return out;
}

Log& Simulation::State::open_log(const std::string& name) {
    return logger ? logger->open(name, clock) : no_log;
}

void Simulation::State::close_log(Log& log) {
    if (&log != &no_log) logger->close(log);
}

Simulation::State::LoneHost& Simulation::State::add_host() {
    const int machine = network.add_machine();
    auto host = std::make_unique<LoneHost>();
    auto parts = this->parts(machine, name_of(machine));
    parts.log = &open_log(parts.name);
    parts.gauges = &host->gauges;
    host->driven = std::make_unique<SimulatedWorker>(parts);
    join(*host, parts.name);
    hosts.push_back(std::move(host));
    return *hosts.back();
}

void Simulation::State::leave(Participant& participant) {
    const auto is_it = [&](const Member& member) { return member.participant == &participant; };
    std::erase_if(members, is_it);
    std::erase_if(stepping, is_it);
}

bool Simulation::State::step() {
    const auto now = clock.now();
    stepping.clear();
    for (const auto& member : members)
        if (const auto due = member.participant->next_due(); due && *due <= now) stepping.push_back(member);
    const bool any = !stepping.empty();
    while (!stepping.empty()) {
        std::swap(stepping[chance.below(stepping.size())], stepping.back());
        const auto member = std::move(stepping.back());
        stepping.pop_back();
        trace.line(member.name, "step");
        member.participant->step();
    }
    return any;
}

bool Simulation::State::pass_time(TimePoint until) {
    auto next = until;
    if (const auto event = network.next_event()) next = std::min(next, *event);
    for (const auto& member : members)
        if (const auto due = member.participant->next_due()) next = std::min(next, *due);
    if (next == TimePoint::max()) return false;
    clock.turn_to(std::max(next, clock.now()));
    network.advance();
    return true;
}

int Simulation::State::machine_of(const Host& host) const {
    if (host.worker != nullptr) return static_cast<SimulatedBackend&>(host.worker->backend()).machine();
    const int out = network.machine_at(host.address);
    PENSTOCK_ASSERT(out >= 0);  // nobody has that address
    return out;
}

// The simulation.

Simulation::Simulation(std::uint64_t seed, Faults faults) : state_(std::make_unique<State>(seed, faults)) {}
Simulation::~Simulation() = default;

std::uint64_t Simulation::seed() const { return state_->seed; }
const Faults& Simulation::faults() const { return state_->chance.faults(); }
void Simulation::faults(const Faults& faults) { state_->chance.faults(faults); }
TimePoint Simulation::now() const { return state_->clock.now(); }
const core::Clock& Simulation::clock() const { return state_->clock; }
core::Random& Simulation::random() { return state_->random; }

Worker& Simulation::add_host() { return state_->add_host().driven->worker(); }

void Simulation::spawn_program(std::unique_ptr<Program> program) {
    auto& host = state_->add_host();
    auto& worker = host.driven->worker();
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

Result<void> Simulation::run() {
    const auto end = now() + run_time_max;
    std::size_t rounds = 0;
    while (state_->running > 0 && !state_->thrown) {
        if (state_->step()) {
            if (++rounds > rounds_max)
                return fail(Error::os(ELOOP, "the simulation turns and turns, and no time passes"));
            continue;
        }
        rounds = 0;
        if (now() > end) return fail(Error::os(ETIMEDOUT, "the simulation comes to no end"));
        if (!state_->pass_time(TimePoint::max()))
            return fail(Error::os(EDEADLK, "the simulation is stuck: nothing can happen any more"));
    }
    if (state_->thrown) std::rethrow_exception(std::exchange(state_->thrown, nullptr));
    return {};
}

void Simulation::run_for(std::chrono::nanoseconds time) {
    const auto until = now() + time;
    do {
        while (state_->step()) {
        }
    } while (now() < until && state_->pass_time(until));
    while (state_->step()) {
    }
}

bool Simulation::run_until_true(const Predicate& predicate, std::chrono::nanoseconds at_most) {
    const auto until = at_most > TimePoint::max() - now() ? TimePoint::max() : now() + at_most;
    std::size_t rounds = 0;
    while (!predicate.holds()) {
        if (state_->step()) {
            if (++rounds > rounds_max) return false;
            continue;
        }
        rounds = 0;
        if (now() >= until || !state_->pass_time(until)) return false;
    }
    return true;
}

Address Simulation::address_of(const Host& host, std::uint16_t port) const {
    return state_->network.address_of(state_->machine_of(host), false).with_port(port);
}

void Simulation::cut(const Host& one, const Host& other) {
    const int first = state_->machine_of(one), second = state_->machine_of(other);
    state_->trace.line(state_->name_of(first), "cut from", state_->name_of(second));
    state_->network.cut(first, second);
}

void Simulation::heal(const Host& one, const Host& other) {
    const int first = state_->machine_of(one), second = state_->machine_of(other);
    state_->trace.line(state_->name_of(first), "heal to", state_->name_of(second));
    state_->network.heal(first, second);
}

void Simulation::reset(const Host& host) {
    const int machine = state_->machine_of(host);
    state_->trace.line(state_->name_of(machine), "reset");
    state_->network.reset(machine);
}

void Simulation::record() { state_->trace.start(); }
const std::string& Simulation::trace() const { return state_->trace.text(); }
std::uint64_t Simulation::trace_hash() const { return state_->trace.hash(); }
void Simulation::note(std::string_view line) { state_->trace.line("note", line); }

core::Logger* Simulation::logger() { return state_->logger ? &*state_->logger : nullptr; }
void Simulation::join(Participant& participant, std::string name) {
    state_->join(participant, std::move(name));
}
void Simulation::leave(Participant& participant) { state_->leave(participant); }

std::vector<std::uint64_t> seeds(std::size_t count) {
    if (const char* one = std::getenv("PENSTOCK_SEED")) return {std::strtoull(one, nullptr, 10)};
    std::uint64_t first = 1;
    if (const char* many = std::getenv("PENSTOCK_SEEDS")) {
        char* rest = nullptr;
        count = std::strtoull(many, &rest, 10);
        if (*rest == '-') {
            first = std::exchange(count, std::strtoull(rest + 1, nullptr, 10));
            count = count < first ? 0 : count - first + 1;
        }
    }
    std::vector<std::uint64_t> out(count);
    std::iota(out.begin(), out.end(), first);
    return out;
}

}  // namespace penstock::events
