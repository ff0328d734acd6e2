// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace penstock::events {

using core::TimePoint;

namespace detail {
struct DeadlineLink {
    DeadlineLink* next_ = nullptr;
    DeadlineLink* previous_ = nullptr;
};
}  // namespace detail

/// Something that becomes due once: 32 bytes inside its owner. Cancels itself when it dies.
class Deadline : detail::DeadlineLink {
public:
    Deadline() = default;
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    bool is_armed() const { return next_ != nullptr; }
    void cancel() {
        if (next_ == nullptr) return;
        next_->previous_ = previous_;
        previous_->next_ = next_;
        next_ = previous_ = nullptr;
    }

protected:
    virtual ~Deadline() { cancel(); }

private:
    friend class TimerWheel;
    /// It may arm itself again, and may end its owner.
    virtual void on_due() = 0;
    std::uint64_t tick_ = 0;
};

/// A hierarchical timing wheel: arm and cancel cost a few list operations at any number of timers. Never
/// early; late by at most one tick. Thread: its worker's.
///
/// Level n has 64 slots of 64^n ticks; a deadline lies in the level of the highest digit (base 64) in which
/// it differs from now, and moves down as that digit comes up.
class TimerWheel {
public:
    static constexpr std::chrono::nanoseconds tick{1 << 17};  ///< 131 us
    static constexpr std::chrono::hours farthest{24 * 365};   ///< what is armed further away is due then

    explicit TimerWheel(TimePoint now);
    ~TimerWheel();
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// Again is legal: it moves.
    void arm(Deadline& deadline, TimePoint due);
    /// When to look again; at or before the first deadline.
    std::optional<TimePoint> next() const;
    /// Runs what is due, at most `most`; answers how many. What is left comes first next time.
    std::size_t run(TimePoint now, std::size_t most);
    /// Something may be left from the last run.
    bool has_due() const { return due_.next_ != &due_ || now_ < until_; }

private:
    static constexpr unsigned digit_bits = 6, slots = 64, levels = 9;

    static std::uint64_t ticks(TimePoint time) {
        return static_cast<std::uint64_t>(time.time_since_epoch() / tick);
    }
    static void append(detail::DeadlineLink& list, Deadline& deadline);
    static void move_all(detail::DeadlineLink& from, detail::DeadlineLink& to);
    void place(Deadline& deadline);
    std::optional<std::uint64_t> next_slot() const;
    bool advance(detail::DeadlineLink& out);
    void move_down(detail::DeadlineLink& list, detail::DeadlineLink& out);

    std::uint64_t now_;    ///< what lies in the slots is due after this
    std::uint64_t until_;  ///< the time of the last run; now_ is behind it when the run ended early
    std::array<std::uint64_t, levels> occupied_{};  ///< may be set for a slot whose deadlines were cancelled
    std::array<std::array<detail::DeadlineLink, slots>, levels> slots_;
    detail::DeadlineLink due_;
};

}  // namespace penstock::events
