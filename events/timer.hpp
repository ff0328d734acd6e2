// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/worker.hpp>

#include <functional>

namespace penstock::events {

/// Calls back after a time, once or again and again. Never early; late by at most a tick of the wheel (131
/// us) plus the turn. Owner: you; it may die inside its own callback. Thread: its worker's.
class Timer : core::Affine, Deadline {
public:
    Timer(Worker& worker, std::move_only_function<void()> on_due)
        : worker_(worker), call_(std::move(on_due)) {}
    ~Timer() override { bury_call(); }

    /// Armed again, it moves.
    void arm(std::chrono::nanoseconds after);
    /// At equal distances; those that were missed are left out.
    void arm_every(std::chrono::nanoseconds period);
    void cancel() {
        Deadline::cancel();
        period_ = {};
    }
    bool is_armed() const { return Deadline::is_armed(); }

private:
    void on_due() override;
    void bury_call();

    Worker& worker_;
    std::move_only_function<void()> call_;
    std::chrono::nanoseconds period_{0};
    TimePoint due_;
    bool* died_ = nullptr;  // set while the callback runs
};

}  // namespace penstock::events

namespace penstock {
using events::Timer;
}
