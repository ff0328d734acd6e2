// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/proc/intake.hpp>
#include <penstock/proc/job.hpp>

#include <memory>
#include <utility>

namespace penstock::proc {

/// What add_with answers: a way to cancel the job. It dies without touching the job, and may outlive job and
/// Processor. Thread: any, one at a time; it may cross.
class JobHandle {
public:
    JobHandle() = default;
    JobHandle(std::shared_ptr<Intake> intake, Job& job) : intake_(std::move(intake)), job_(&job) {}
    JobHandle(JobHandle&& other) noexcept
        : intake_(std::move(other.intake_)), job_(std::exchange(other.job_, nullptr)) {}
    JobHandle& operator=(JobHandle&& other) noexcept {
        JobHandle ended(std::move(*this));
        intake_ = std::move(other.intake_);
        job_ = std::exchange(other.job_, nullptr);
        return *this;
    }
    ~JobHandle() {
        if (job_ != nullptr) job_->release();
    }

    /// True: the job waited (also for its next run), and has died here, its arguments with it. False: it
    /// runs, has ended, or was cancelled before. One that runs is not interrupted, but is not run again
    /// either. Of cancel and run exactly one wins.
    bool cancel() {
        if (job_ == nullptr || !job_->cancel()) return false;
        job_->discard();
        intake_->tell_cancelled();
        return true;
    }

    static constexpr bool sendable = true;

private:
    std::shared_ptr<Intake> intake_;
    Job* job_ = nullptr;
};

}  // namespace penstock::proc
