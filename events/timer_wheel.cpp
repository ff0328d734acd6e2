// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/timer_wheel.hpp>

#include <algorithm>
#include <bit>

namespace penstock::events {
namespace {

void reset(detail::DeadlineLink& list) { list.next_ = list.previous_ = &list; }

}  // namespace

std::uint64_t TimerWheel::Occupied::first() const {
    return static_cast<std::uint64_t>(words[0] != 0 ? std::countr_zero(words[0])
                                                    : 64 + std::countr_zero(words[1]));
}

bool TimerWheel::Occupied::take(std::uint64_t slot) {
    auto& word = words[slot / 64];
    const auto bit = std::uint64_t(1) << slot % 64;
    const bool was = (word & bit) != 0;
    word &= ~bit;
    return was;
}

TimerWheel::TimerWheel(TimePoint now) : now_(ticks(now)), until_(now_) { for_each_list(reset); }

TimerWheel::~TimerWheel() {
    for_each_list([](List& list) {
        while (list.next_ != &list) static_cast<Deadline*>(list.next_)->cancel();
    });
}

template <class F>
void TimerWheel::for_each_list(F f) {
    for (auto& level : near_)
        for (auto& list : level) f(list);
    for (auto& level : far_)
        for (auto& slot : level)
            for (auto& list : slot) f(list);
    f(due_);
}

void TimerWheel::append(List& list, Deadline& deadline) {
    deadline.previous_ = list.previous_;
    deadline.next_ = &list;
    list.previous_->next_ = &deadline;
    list.previous_ = &deadline;
}

void TimerWheel::move_all(List& from, List& to) {
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
    occupied_[level].set(slot);
    append(level < near_levels ? near_[level][slot] : far_[level - near_levels][slot][deadline.tick_ % lanes],
           deadline);
}

std::optional<TimePoint> TimerWheel::next() const {
    if (has_due()) return TimePoint(tick * now_);
    if (const auto first = next_slot()) return TimePoint(tick * *first);
    return {};
}

std::optional<std::uint64_t> TimerWheel::next_slot() const {
    for (unsigned level = 0; level < levels; ++level) {
        if (!occupied_[level].any()) continue;
        // Digits above this level equal now's; the slots up to now's digit are empty.
        const auto shift = level * digit_bits;
        const auto slot = occupied_[level].first();
        const auto above = now_ >> shift >> digit_bits << digit_bits << shift;
        return above | slot << shift;
    }
    return {};
}

/// Steps to the next slot that holds something, up to `until_`: what is due there goes to `out`, what is due
/// later moves down a level. False when nothing is left. Slot by slot, so that each deadline is still in the
/// cache from its last move when it runs.
bool TimerWheel::advance(List& out) {
    while (now_ < until_ && out.next_ == &out) {
        now_ = std::min(next_slot().value_or(until_), until_);
        // A slot comes up when the digits below it are zero.
        const auto zeros = static_cast<unsigned>(std::countr_zero(now_)) / digit_bits;
        // From the top: what moves down may come up as well.
        for (auto level = std::min(levels - 1, zeros) + 1; level-- > 0;) {
            const auto slot = now_ >> (level * digit_bits) & (slots - 1);
            if (!occupied_[level].take(slot)) continue;
            if (level == 0)
                move_all(near_[0][slot], out);
            else if (level < near_levels)
                move_down(std::span<List, 1>(&near_[level][slot], 1), out);
            else
                move_down(std::span(far_[level - near_levels][slot]), out);
        }
    }
    return out.next_ != &out;
}

/// One of each list in turn: their loads overlap.
template <std::size_t Lists>
void TimerWheel::move_down(std::span<List, Lists> lists, List& out) {
    std::array<List*, Lists> at;
    for (std::size_t i = 0; i < Lists; ++i) {
        at[i] = lists[i].next_;
        reset(lists[i]);
    }
    for (bool more = true; more;) {
        more = false;
        for (std::size_t i = 0; i < Lists; ++i) {
            if (at[i] == &lists[i]) continue;
            more = true;
            auto& deadline = *static_cast<Deadline*>(at[i]);
            at[i] = at[i]->next_;
            if (deadline.tick_ <= now_)
                append(out, deadline);
            else
                place(deadline);
        }
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
