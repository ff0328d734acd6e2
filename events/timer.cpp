// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/timer.hpp>

namespace penstock::events {

void Timer::arm(std::chrono::nanoseconds after) {
    period_ = {};
    worker_.arm(*this, after);
}

void Timer::arm_every(std::chrono::nanoseconds period) {
    PENSTOCK_ASSERT(period.count() > 0);
    period_ = period;
    due_ = worker_.now() + period;
    worker_.arm_at(*this, due_);
}

void Timer::on_due() {
    if (period_.count() > 0) {
        const auto missed = (worker_.now() - due_) / period_;
        due_ += period_ * (missed + 1);
        worker_.arm_at(*this, due_);
    }
    auto& worker = worker_;
    bool died = false;
    died_ = &died;
    auto call = std::move(call_);  // the callback may end this timer
    try {
        call();
    } catch (...) {
        worker.caught("timer");
    }
    if (died) return;
    died_ = nullptr;
    call_ = std::move(call);
}

void Timer::bury_call() {
    if (died_ != nullptr) *died_ = true;
}

}  // namespace penstock::events
