// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/proc/code.hpp>
#include <penstock/proc/detail/runner.hpp>

#include <algorithm>
#include <exception>

namespace penstock::proc::detail {

Runner::Runner(Parts parts)
    : parts_(parts),
      counters_(*parts.counters),
      queue_({.index = parts.index, .intake = parts.intake, .clock = parts.clock, .log = parts.log}),
      now_(parts.clock->now()) {}

Runner::~Runner() { PENSTOCK_ASSERT(is_over()); }

void Runner::serve() {
    while (!is_over()) {
        if (step() || is_over()) continue;
        auto until = sleepers_.next();
        if (knows_closed_ && parts_.intake->cut_at() > now_)
            until = until ? std::min(*until, parts_.intake->cut_at()) : parts_.intake->cut_at();
        parts_.intake->wait(until, knows_closed_);
    }
}

bool Runner::step() {
    now_ = parts_.clock->now();
    take_in();
    if (knows_closed_ && now_ >= parts_.intake->cut_at()) {
        cut();
        return false;
    }
    auto* job = lanes_.pop();
    counters_.oldest.tell(lanes_.oldest());
    if (job == nullptr) return false;
    execute(*job);
    return true;
}

/// Each time before a job is chosen: one that asks to be run again is behind all that came meanwhile.
void Runner::take_in() {
    for (const auto priority : {Priority::low, Priority::normal, Priority::high})
        lanes_.push_all(parts_.intake->take(priority));
    if (parts_.intake->take_cancelled())
        sleepers_.remove_if([this](Job& job) {
            if (job.is_delivering || !job.is_cancelled()) return false;
            leave_shell(job);
            return true;
        });
    if (!knows_closed_ && parts_.intake->is_closed()) notice_close();
    while (auto* job = sleepers_.pop_due(now_)) lanes_.push(*job);
}

void Runner::notice_close() {
    knows_closed_ = true;
    Lanes dying;
    sleepers_.remove_if([&](Job& job) {
        if (job.is_delivering) return false;
        dying.push(job);
        return true;
    });
    while (auto* job = dying.pop()) cut(*job);
}

std::optional<core::TimePoint> Runner::next_due() const {
    if (parts_.intake->waiting_since() || lanes_.oldest()) return now_;
    return sleepers_.next();
}

void Runner::execute(Job& job) {
    if (job.is_delivering) return hand_on(job);
    if (!job.begin()) return leave_shell(job);
    counters_.waited.add(static_cast<std::uint64_t>(std::max<std::int64_t>((now_ - job.since).count(), 0)));
    counters_.running.tell(now_);
    const auto answer = call(job);
    const auto held = parts_.clock->now() - now_;
    now_ += held;
    counters_.running.tell({});
    counters_.held.add(static_cast<std::uint64_t>(held.count()));
    counters_.run.add();
    if (parts_.held_warning.count() > 0 && held > parts_.held_warning)
        queue_.log().warn("a job held its queue", {"time", held}, {"job", job.name()});
    if (answer.is_done()) return finish(job);

    const bool goes_on = !queue_.is_stopping() || (answer.after().count() == 0 && !parts_.is_inline);
    job.since = now_;
    if (goes_on && job.rest()) {
        if (answer.after().count() == 0)
            lanes_.push(job);
        else
            sleepers_.push(job, now_ + answer.after());
        return;
    }
    job.failed(error(Code::stopped));
    finish(job);
}

Answer Runner::call(Job& job) {
    try {
        return job.run(queue_);
    } catch (...) {
        counters_.thrown.add();
        caught(job);
        job.failed(error(Code::thrown));
    }
    return done();
}

void Runner::caught(Job& job) noexcept {
    try {
        throw;
    } catch (const std::exception& thrown) {
        queue_.log().error("exception caught", {"what", thrown.what()}, {"job", job.name()});
    } catch (...) {
        queue_.log().error("exception caught", {"job", job.name()});
    }
}

void Runner::finish(Job& job) {
    job.end();
    job.discard();
    counters_.ended.add();
    hand_on(job);
}

/// Its place is free before its result is known, so whoever waits for that may add the next job. A result
/// that cannot be handed on keeps a place: an owner who does not read them is told "full".
void Runner::hand_on(Job& job) {
    parts_.intake->leave();
    if (job.finish()) return;  // it is gone
    parts_.intake->enter();
    job.is_delivering = true;
    sleepers_.push(job, now_ + delivery_pause);
}

void Runner::cut(Job& job) {
    if (!job.begin()) return leave_shell(job);
    job.failed(error(Code::stopped));
    job.end();
    job.discard();
    counters_.cut.add();
    hand_on(job);
}

void Runner::cut() {
    sleepers_.remove_if([this](Job& job) {
        lanes_.push(job);
        return true;
    });
    while (auto* job = lanes_.pop()) {
        if (job->is_delivering)
            hand_on(*job);
        else
            cut(*job);
    }
    sleepers_.remove_if([this](Job& job) {  // results that nobody takes
        leave_shell(job);
        return true;
    });
    counters_.oldest.tell({});
}

void Runner::leave_shell(Job& job) {
    parts_.intake->leave();
    job.release();
}

}  // namespace penstock::proc::detail
