// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/timer_wheel.hpp>

#include <algorithm>
#include <bit>

namespace penstock::events {
namespace {

void reset(detail::DeadlineLink& list) { list.next_ = list.previous_ = &list; }

}  // namespace

TimerWheel::TimerWheel(TimePoint now) : now_(ticks(now)), until_(now_) {
    for (auto& level : slots_)
        for (auto& slot : level) reset(slot);
    reset(due_);
}

TimerWheel::~TimerWheel() {
    auto cancel_all = [](detail::DeadlineLink& list) {
        while (list.next_ != &list) static_cast<Deadline*>(list.next_)->cancel();
    };
    for (auto& level : slots_)
        for (auto& slot : level) cancel_all(slot);
    cancel_all(due_);
}

void TimerWheel::append(detail::DeadlineLink& list, Deadline& deadline) {
    deadline.previous_ = list.previous_;
    deadline.next_ = &list;
    list.previous_->next_ = &deadline;
    list.previous_ = &deadline;
}

void TimerWheel::move_all(detail::DeadlineLink& from, detail::DeadlineLink& to) {
    if (from.next_ == &from) return;
    from.next_->previous_ = to.previous_;
    to.previous_->next_ = from.next_;
    from.previous_->next_ = &to;
    to.previous_ = from.previous_;
    reset(from);
}

void TimerWheel::arm(Deadline& deadline, TimePoint due) {
    deadline.cancel();
    due = std::clamp(due, TimePoint(), TimePoint::max() - tick);  // before the clock's start is past as well
    deadline.tick_ = ticks(due + tick - std::chrono::nanoseconds(1));
    deadline.tick_ = std::min(deadline.tick_, now_ + static_cast<std::uint64_t>(farthest / tick));
    if (deadline.tick_ <= until_) return append(due_, deadline);
    place(deadline);
}

/// Of one that is due after now.
void TimerWheel::place(Deadline& deadline) {
    const auto highest = static_cast<unsigned>(std::bit_width(deadline.tick_ ^ now_) - 1);
    const auto level = highest / digit_bits;
    const auto slot = deadline.tick_ >> (level * digit_bits) & (slots - 1);
    occupied_[level] |= std::uint64_t(1) << slot;
    append(slots_[level][slot], deadline);
}

std::optional<TimePoint> TimerWheel::next() const {
    if (has_due()) return TimePoint(tick * now_);
    if (const auto first = next_slot()) return TimePoint(tick * *first);
    return {};
}

std::optional<std::uint64_t> TimerWheel::next_slot() const {
    for (unsigned level = 0; level < levels; ++level) {
        if (occupied_[level] == 0) continue;
        // Digits above this level equal now's; the slots up to now's digit are empty.
        const auto shift = level * digit_bits;
        const auto slot = static_cast<std::uint64_t>(std::countr_zero(occupied_[level]));
        const auto above = now_ >> shift >> digit_bits << digit_bits << shift;
        return above | slot << shift;
    }
    return {};
}

/// Steps to the next slot that holds something, up to `until_`: what is due there goes to `out`, what is due
/// later moves down a level. False when nothing is left. Slot by slot, so that each deadline is still in the
/// cache from its last move when it runs.
bool TimerWheel::advance(detail::DeadlineLink& out) {
    while (now_ < until_ && out.next_ == &out) {
        now_ = std::min(next_slot().value_or(until_), until_);
        // A slot comes up when the digits below it are zero.
        const auto zeros = static_cast<unsigned>(std::countr_zero(now_)) / digit_bits;
        // From the top: what moves down may come up as well.
        for (auto level = std::min(levels - 1, zeros) + 1; level-- > 0;) {
            const auto slot = now_ >> (level * digit_bits) & (slots - 1);
            if ((occupied_[level] >> slot & 1) == 0) continue;
            occupied_[level] &= ~(std::uint64_t(1) << slot);
            if (level == 0)
                move_all(slots_[0][slot], out);
            else
                move_down(slots_[level][slot], out);
        }
    }
    return out.next_ != &out;
}

/// The list is walked from both ends, by the second walker only to have the rest in the cache sooner.
void TimerWheel::move_down(detail::DeadlineLink& list, detail::DeadlineLink& out) {
    auto* at = list.next_;
    auto* ahead = list.previous_;
    reset(list);
    for (bool met = false; at != &list;) {
        auto& deadline = *static_cast<Deadline*>(at);
        at = at->next_;
        met = met || ahead == &deadline || ahead == at;
        if (!met) ahead = ahead->previous_;
        if (deadline.tick_ <= now_)
            append(out, deadline);
        else
            place(deadline);
    }
}

std::size_t TimerWheel::run(TimePoint now, std::size_t most) {
    until_ = std::max(until_, ticks(now));
    if (!has_due()) return 0;
    std::size_t count = 0;
    detail::DeadlineLink running;  // what is armed meanwhile waits for the next turn
    reset(running);
    move_all(due_, running);
    while (count < most && (running.next_ != &running || advance(running))) {
        auto& deadline = *static_cast<Deadline*>(running.next_);
        deadline.cancel();
        ++count;
        deadline.on_due();
    }
    move_all(due_, running);  // what is left goes back to the front
    move_all(running, due_);
    return count;
}

}  // namespace penstock::events
