// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/proc/intake.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace penstock::proc {

/// Wakes the queue. Rung only when it sleeps, so a job for a busy queue makes no system call.
struct Intake::Bell {
    std::mutex mutex;
    std::condition_variable rung;
    std::atomic<bool> asleep = false;
};

Intake::Intake(std::uint32_t jobs_max) : jobs_max_(jobs_max), bell_(std::make_unique<Bell>()) {
    PENSTOCK_ASSERT(jobs_max > 0 && jobs_max < closed_bit / 2);
}

Intake::~Intake() = default;

Place Intake::reserve() {
    auto places = places_.load(std::memory_order_relaxed);
    do {
        if ((places & closed_bit) != 0) return Place(Posted::stopped);
        if (places >= jobs_max_) return Place(Posted::full);
    } while (!places_.compare_exchange_weak(places, places + 1, std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
    return Place(*this);
}

void Intake::push(Job& job) {
    const auto since = clock_->now();
    auto& lane = lanes_[static_cast<std::size_t>(job.priority)];
    job.since = since;
    auto* below = lane.newest.load(std::memory_order_relaxed);
    do {
        job.next = below;
    } while (!lane.newest.compare_exchange_weak(below, &job));
    // From here on the job may be gone.
    if (below == nullptr) lane.since.store(since.time_since_epoch().count(), std::memory_order_relaxed);
    ring();
}

void Intake::leave() {
    const auto before = places_.fetch_sub(1);
    if (before == (closed_bit | 1)) ring();  // the last one: a queue that stops waits for it
}

std::optional<core::TimePoint> Intake::waiting_since() const {
    std::optional<core::TimePoint> out;
    for (const auto& lane : lanes_) {
        if (lane.newest.load(std::memory_order_relaxed) == nullptr) continue;
        const core::TimePoint since(core::TimePoint::duration(lane.since.load(std::memory_order_relaxed)));
        out = out ? std::min(*out, since) : since;
    }
    return out;
}

void Intake::tell_cancelled() {
    has_cancelled_.store(true);
    ring();
}

void Intake::open(const core::Clock& clock) {
    PENSTOCK_ASSERT(is_closed() && size() == 0);
    clock_ = &clock;
    places_.store(0, std::memory_order_release);
}

void Intake::close(core::TimePoint cut_at) {
    cut_at_.store(cut_at.time_since_epoch().count(), std::memory_order_relaxed);
    places_.fetch_or(closed_bit);
    ring();
}

Job* Intake::take(Priority priority) {
    auto& lane = lanes_[static_cast<std::size_t>(priority)];
    if (lane.newest.load(std::memory_order_relaxed) == nullptr) return nullptr;
    auto* newest = lane.newest.exchange(nullptr, std::memory_order_acquire);
    Job* oldest = nullptr;
    while (newest != nullptr) {
        auto* job = newest;
        newest = job->next;
        job->next = std::exchange(oldest, job);
    }
    return oldest;
}

bool Intake::has_news(bool knows_closed) const {
    const auto places = places_.load();
    if (places == closed_bit || ((places & closed_bit) != 0) != knows_closed || has_cancelled_.load())
        return true;
    return std::ranges::any_of(lanes_, [](const Lane& lane) { return lane.newest.load() != nullptr; });
}

/// `asleep` and what it is told of are stored and loaded in opposite orders on both sides, all sequentially
/// consistent: either the queue sees the news, or whoever brings it sees that the queue sleeps.
void Intake::ring() {
    if (!bell_->asleep.load() || !bell_->asleep.exchange(false)) return;
    {
        const std::lock_guard held(bell_->mutex);
    }  // it waits by now
    bell_->rung.notify_one();
}

void Intake::wait(std::optional<core::TimePoint> until, bool knows_closed) {
    std::unique_lock held(bell_->mutex);
    bell_->asleep.store(true);
    if (!has_news(knows_closed)) {
        const auto woken = [this] { return !bell_->asleep.load(); };
        if (until)
            bell_->rung.wait_until(held, *until, woken);
        else
            bell_->rung.wait(held, woken);
    }
    bell_->asleep.store(false);
}

}  // namespace penstock::proc
