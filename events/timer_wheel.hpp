// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

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
/// Level n has 128 slots of 128^n ticks; a deadline lies in the level of the highest digit (base 128) in
/// which it differs from now, and moves down as that digit comes up. One that is some minutes away moves
/// twice, from a slot of two seconds to one of 17 ms: what both hold of a million is still in the cache.
/// Slots of seconds and more are several lists, which are walked side by side, so that the memory is waited
/// for once.
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
    static constexpr unsigned digit_bits = 7, slots = 128, levels = 7, near_levels = 2, lanes = 4;
    using List = detail::DeadlineLink;
    using FarSlot = std::array<List, lanes>;

    /// Which slots of a level hold something; maybe also some whose deadlines were cancelled.
    struct Occupied {
        std::array<std::uint64_t, 2> words{};
        bool any() const { return (words[0] | words[1]) != 0; }
        std::uint64_t first() const;
        void set(std::uint64_t slot) { words[slot / 64] |= std::uint64_t(1) << slot % 64; }
        /// Answers whether it was set.
        bool take(std::uint64_t slot);
    };

    static std::uint64_t ticks(TimePoint time) {
        return static_cast<std::uint64_t>(time.time_since_epoch() / tick);
    }
    static void append(List& list, Deadline& deadline);
    static void move_all(List& from, List& to);
    template <class F>
    void for_each_list(F f);
    void place(Deadline& deadline);
    std::optional<std::uint64_t> next_slot() const;
    bool advance(List& out);
    template <std::size_t Lists>
    void move_down(std::span<List, Lists> lists, List& out);

    std::uint64_t now_;    ///< what lies in the slots is due after this
    std::uint64_t until_;  ///< the time of the last run; now_ is behind it when the run ended early
    std::array<Occupied, levels> occupied_;
    std::array<std::array<List, slots>, near_levels> near_;
    std::array<std::array<FarSlot, slots>, levels - near_levels> far_;
    List due_;
};

}  // namespace penstock::events
