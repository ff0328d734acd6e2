// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/task.hpp>
#include <penstock/events/worker.hpp>

namespace penstock::events::detail {

void TaskRoot::start(Task<> task) {
    PENSTOCK_ASSERT(!is_started() && !is_running_);
    task_ = std::move(task);
    is_doomed_ = false;
    task_.frame_.promise().root = this;
    resume(task_.frame_);
}

void TaskRoot::resume(std::coroutine_handle<> frame) {
    is_running_ = true;
    frame.resume();
    is_running_ = false;
    if (is_doomed_) {
        task_ = Task<>(nullptr);
    } else if (task_.frame_.done()) {
        auto thrown = task_.frame_.promise().thrown;
        task_ = Task<>(nullptr);
        on_finished(thrown);
    }
}

void TaskRoot::destroy() {
    if (is_running_)
        is_doomed_ = true;
    else
        task_ = Task<>(nullptr);
}

void Wakeup::schedule() {
    auto& wakeups = root_->worker().wakeups_;
    previous_ = wakeups.last;
    *wakeups.last = this;
    wakeups.last = &next_;
}

void Wakeup::unlink() {
    if (previous_ == nullptr) return;
    *previous_ = next_;
    if (next_ != nullptr)
        next_->previous_ = previous_;
    else
        root_->worker().wakeups_.last = previous_;
    next_ = nullptr;
    previous_ = nullptr;
}

}  // namespace penstock::events::detail
