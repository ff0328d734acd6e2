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

}  // namespace penstock::events::detail
