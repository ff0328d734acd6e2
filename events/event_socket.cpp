// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/event_socket.hpp>
#include <penstock/events/worker.hpp>

#include <utility>

namespace penstock::events {

EventSocket::EventSocket(Worker& worker, bool counts) : worker_(&worker), counts_(counts) {
    worker.check_here();
    worker.add(*this);
}

EventSocket::~EventSocket() {
    if (entry_ != nullptr) backend().close(*entry_, true);
    if (place_ != 0) worker_->handles().remove(place_);
    if (is_dirty_) worker_->forget_flush(*this);
    worker_->remove(*this);
}

Backend& EventSocket::backend() const { return worker_->backend(); }

Result<void> EventSocket::enter(Descriptor descriptor) {
    auto entered = backend().enter(std::move(descriptor), *this);
    if (!entered) return fail(entered);
    entry_ = *entered;
    return {};
}

void EventSocket::end(Error error, bool reset) {
    if (std::exchange(is_ended_, true)) return;
    if (entry_ != nullptr) backend().close(*std::exchange(entry_, nullptr), reset);
    worker_->ended(*this, error);
}

void EventSocket::flush_later() {
    if (!std::exchange(is_dirty_, true)) worker_->flush_later(*this);
}

HandleTable::Handle EventSocket::handle(void* self) {
    if (place_ == 0) place_ = worker_->handles().add(self).place;
    return {place_, worker_->handles().generation(place_)};
}

}  // namespace penstock::events
