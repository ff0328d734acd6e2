// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/event.hpp>
#include <penstock/events/worker.hpp>

#include <utility>

namespace penstock::events {

Event::Event(Worker& worker, std::move_only_function<void(std::uint64_t)> on_event)
    : state_(std::make_shared<State>()) {
    state_->run = &State::deliver;
    state_->inbox = &worker.inbox();
    state_->epoch = worker.inbox().epoch();
    state_->call = std::move(on_event);
}

Event::~Event() {
    state_->is_dead = true;
    if (!state_->is_calling) state_->call = nullptr;
}

/// Whoever finds zero sends the message; it is not touched again before deliver() has taken the sum.
void Event::Trigger::add(std::uint64_t count) const {
    if (count == 0 || state_->count.fetch_add(count, std::memory_order_acq_rel) != 0) return;
    state_->self = state_;
    state_->inbox->reply(state_->epoch, *state_);
}

void Event::State::deliver(Reply& reply, Worker* worker) {
    auto& state = static_cast<State&>(reply);
    const auto keep = std::move(state.self);  // before the next addition can send it again
    const auto sum = state.count.exchange(0, std::memory_order_acq_rel);
    if (worker == nullptr || state.is_dead) return;
    state.is_calling = true;
    try {
        state.call(sum);
    } catch (...) {
        worker->caught("event");
    }
    state.is_calling = false;
    if (state.is_dead) state.call = nullptr;
}

}  // namespace penstock::events
