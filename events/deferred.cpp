// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/deferred.hpp>
#include <penstock/events/worker.hpp>

namespace penstock::events {

void Deferred::defer(Worker& worker) {
    if (is_deferred()) return;
    worker_ = &worker;
    auto& list = worker.deferred_;
    previous_ = list.last;
    *list.last = this;
    list.last = &next_;
}

void Deferred::cancel() {
    if (!is_deferred()) return;
    *previous_ = next_;
    (next_ != nullptr ? next_->previous_ : worker_->deferred_.last) = previous_;
    next_ = nullptr;
    previous_ = nullptr;
}

}  // namespace penstock::events
