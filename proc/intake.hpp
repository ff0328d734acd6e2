// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/core/result.hpp>
#include <penstock/proc/job.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace penstock::proc {

class Place;

/// Where jobs enter one queue, from any thread. For the module itself.
///
/// A place is reserved before the arguments are touched, so "full" costs them nothing, and is free again when
/// the job has ended. Whoever adds never waits for the queue's thread: that one has the lowest priority, and
/// one that was preempted inside a lock would stop every worker. So each lane is a stack that the queue takes
/// as a whole, and the only lock guards its sleep.
class Intake : public std::enable_shared_from_this<Intake> {
public:
    explicit Intake(std::uint32_t jobs_max);
    ~Intake();
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;

    // Thread: any.

    Place reserve();
    /// Jobs inside: waiting, sleeping, running.
    std::size_t size() const { return places_.load(std::memory_order_relaxed) & ~closed_bit; }
    bool is_closed() const { return (places_.load(std::memory_order_acquire) & closed_bit) != 0; }
    /// Since when the oldest waits that the queue has not taken yet.
    std::optional<core::TimePoint> waiting_since() const;
    /// A sleeping job was cancelled: the queue should free its place now.
    void tell_cancelled();

    // Its owner's.

    void open(const core::Clock& clock);
    /// Nothing is taken any more. At `cut_at` what is still here should die.
    void close(core::TimePoint cut_at);

    // The queue's.

    /// Oldest first, linked by next.
    Job* take(Priority priority);
    bool take_cancelled() { return has_cancelled_.exchange(false, std::memory_order_acq_rel); }
    void leave();
    /// Back into a place, though it be full: for a result that could not be handed on.
    void enter() { places_.fetch_add(1, std::memory_order_relaxed); }
    /// Until something happens here, or this time has come. `knows_closed`: that it is closed is no news.
    void wait(std::optional<core::TimePoint> until, bool knows_closed);
    /// Requires is_closed().
    core::TimePoint cut_at() const {
        return core::TimePoint(core::TimePoint::duration(cut_at_.load(std::memory_order_relaxed)));
    }

private:
    friend class Place;
    static constexpr std::uint32_t closed_bit = 0x8000'0000;
    struct Lane {
        std::atomic<Job*> newest = nullptr;
        std::atomic<core::TimePoint::rep> since = 0;  // of the oldest; means nothing when it is empty
    };
    struct Bell;

    void push(Job& job);
    bool has_news(bool knows_closed) const;
    void ring();

    const std::uint32_t jobs_max_;
    const core::Clock* clock_ = nullptr;
    std::atomic<std::uint32_t> places_ = closed_bit;
    std::atomic<core::TimePoint::rep> cut_at_ = 0;
    std::atomic<bool> has_cancelled_ = false;
    std::array<Lane, priorities> lanes_;
    const std::unique_ptr<Bell> bell_;
};

/// A place in a queue, or why there is none. Given back unless it is used.
class [[nodiscard]] Place {
public:
    explicit Place(Posted refused) : posted_(refused) {}
    explicit Place(Intake& intake) : posted_(Posted::ok), intake_(&intake) {}
    Place(Place&& other) noexcept : posted_(other.posted_), intake_(std::exchange(other.intake_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
        if (intake_ != nullptr) intake_->leave();
    }

    explicit operator bool() const { return posted_ == Posted::ok; }
    Posted posted() const { return posted_; }
    /// Requires a place.
    Intake& intake() const { return *intake_; }
    /// The job is the queue's from here on; it may have ended before this returns.
    void push(Job& job) { std::exchange(intake_, nullptr)->push(job); }

private:
    Posted posted_;
    Intake* intake_ = nullptr;
};

}  // namespace penstock::proc
