// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/event_socket.hpp>
#include <penstock/events/worker.hpp>

#include <utility>

namespace penstock::events {

EventSocket::EventSocket(Worker& worker, bool counts) : worker_(&worker), counts_(counts) {
    worker.add(*this);
}

EventSocket::~EventSocket() {
    if (entry_ != nullptr) backend().close(*entry_, true);
    worker_->remove(*this);
}

Backend& EventSocket::backend() const { return worker_->backend(); }

Result<void> EventSocket::enter(Descriptor descriptor) {
    auto entered = backend().enter(std::move(descriptor), *this);
    if (!entered) return fail(entered);
    entry_ = *entered;
    return {};
}

void EventSocket::end(bool reset) {
    if (std::exchange(is_ended_, true)) return;
    if (entry_ != nullptr) backend().close(*std::exchange(entry_, nullptr), reset);
    worker_->ended(*this);
}

}  // namespace penstock::events
