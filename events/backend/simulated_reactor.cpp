// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated_reactor.hpp>
#include <penstock/events/backend/simulated_state.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace penstock::events {

/// One worker, and who asks when it is over.
class SimulatedReactor::Driven final : public Participant {
public:
    Driven(Simulation::State& state, Service& service, Log& log, core::Logger* logger)
        : state_(state), service_(service), log_(log), logger_(logger) {}
    ~Driven() { end(); }

    Worker& make(const SimulatedWorker::Parts& parts) {
        worker_.emplace(parts);
        return worker_->worker();
    }
    bool is_over() const { return !worker_; }
    void serve(std::string name) {
        state_.join(*this, std::move(name));
        serves_ = true;
    }
    void end() {
        if (!worker_) return;
        if (serves_) state_.leave(*this);
        worker_.reset();
        if (logger_ != nullptr)
            logger_->close(log_);
        else
            state_.close_log(log_);
    }

    std::optional<TimePoint> next_due() const override {
        const auto due = worker_->next_due();
        const auto over = service_.over_at(worker_->worker());
        return due && over ? std::min(*due, *over) : due ? due : over;
    }
    void step() override {
        worker_->turn();
        auto& worker = worker_->worker();
        if (const auto over = service_.over_at(worker); !over || *over > worker.now()) return;
        service_.on_over(worker);
        end();
    }

private:
    Simulation::State& state_;
    Service& service_;
    Log& log_;
    core::Logger* const logger_;
    std::optional<SimulatedWorker> worker_;
    bool serves_ = false;
};

SimulatedReactor::SimulatedReactor(Simulation& simulation)
    : simulation_(simulation), machine_(simulation.state_->network.add_machine()) {}

SimulatedReactor::~SimulatedReactor() = default;

const core::Clock& SimulatedReactor::clock() const { return simulation_.clock(); }

Worker& SimulatedReactor::add(Worker::Parts parts, core::Logger* logger, Service& service) {
    auto& state = *simulation_.state_;
    auto ours = state.parts(machine_, state.name_of(machine_) + " worker " + std::to_string(parts.index));
    auto& log = logger != nullptr ? logger->open("worker " + std::to_string(parts.index), state.clock)
                                  : state.open_log(ours.name);
    ours.log = &log;
    ours.index = parts.index;
    ours.reactor = parts.reactor;
    ours.gauges = parts.gauges;
    workers_.push_back(std::make_unique<Driven>(state, service, log, logger));
    return workers_.back()->make(ours);
}

void SimulatedReactor::serve() {
    const auto name = simulation_.state_->name_of(machine_) + " worker ";
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->serve(name + std::to_string(i));
}

bool SimulatedReactor::is_over() const {
    return std::ranges::all_of(workers_, [](const auto& driven) { return driven->is_over(); });
}

void SimulatedReactor::finish(std::chrono::nanoseconds at_most) {
    if (at_most.count() > 0) {
        simulation_.run_until([this] { return is_over(); }, at_most);
        // A turn may come a tick behind its time.
    }
    constexpr int rounds_max = 1'000'000;
    for (int i = 0; !is_over() && i < rounds_max; ++i)
        for (auto& driven : workers_)
            if (!driven->is_over()) driven->step();
    PENSTOCK_ASSERT(is_over());  // somebody posts more than the workers can take
    workers_.clear();
}

void SimulatedReactor::wait() {
    simulation_.run_until([this] { return is_over(); }, std::chrono::nanoseconds::max());
    if (is_over()) workers_.clear();
}

void SimulatedReactor::drop() { workers_.clear(); }

}  // namespace penstock::events
