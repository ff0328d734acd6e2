// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/backend/simulated_worker.hpp>

#include <utility>

namespace penstock::events {

SimulatedWorker::SimulatedWorker(const Parts& parts) : random_(parts.seed) {
    auto backend = std::make_unique<SimulatedBackend>(*parts.network, parts.machine, parts.name);
    backend_ = backend.get();
    worker_ = std::make_unique<Worker>(Worker::Parts{
        .index = parts.index,
        .reactor = parts.reactor,
        .backend = std::move(backend),
        .clock = parts.clock,
        .random = &random_,
        .log = parts.log,
        .gauges = parts.gauges,
    });
}

std::optional<TimePoint> SimulatedWorker::next_due() const {
    const bool is_woken = backend_->is_woken();
    PENSTOCK_ASSERT(!is_asleep_ || is_woken || !worker_->inbox().has_messages());  // who posts must wake
    if (is_woken || worker_->has_work()) return TimePoint();
    return worker_->next_deadline();
}

void SimulatedWorker::turn() {
    if (std::exchange(is_asleep_, false)) worker_->inbox().awake();
    backend_->take_wake();
    worker_->turn(std::chrono::nanoseconds(0));
    if (!worker_->has_work()) is_asleep_ = worker_->inbox().go_to_sleep();
}

}  // namespace penstock::events
