// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::bench {

/// The floor of timers: a hashed wheel of one level. A slot is a list, and the wheel turns by a slot each
/// millisecond; a deadline more than a lap away is met too early, and left for the next lap.
///
/// The number of slots is a compromise, as it is for everyone: with fewer, deadlines minutes away are met
/// more often, with more, the heads of the lists fall out of the cache when timers are armed.
class HashedWheel {
public:
    static constexpr std::uint64_t slots = 1 << 17;  // a lap takes 2.2 minutes

    struct Link {
        Link* next = nullptr;
        Link* previous = nullptr;
    };
    struct Timer : Link {
        std::uint64_t due_ms = 0;
        void (*fire)(Timer&) = nullptr;
    };

    HashedWheel() : slots_(slots) {
        for (auto& slot : slots_) slot.next = slot.previous = &slot;
    }
    HashedWheel(const HashedWheel&) = delete;
    HashedWheel& operator=(const HashedWheel&) = delete;

    /// Again is legal: it moves. Due after the present millisecond at the earliest.
    void arm(Timer& timer, std::uint64_t after_ms) {
        cancel(timer);
        timer.due_ms = now_ms_ + after_ms;
        auto& slot = slots_[timer.due_ms % slots];
        timer.next = slot.next;
        timer.previous = &slot;
        slot.next->previous = &timer;
        slot.next = &timer;
    }

    static void cancel(Timer& timer) {
        if (timer.next == nullptr) return;
        timer.next->previous = timer.previous;
        timer.previous->next = timer.next;
        timer.next = timer.previous = nullptr;
    }

    /// Fires what is due, millisecond after millisecond. Timers are armed only between two calls.
    void advance(std::uint64_t ms) {
        for (const auto end = now_ms_ + ms; now_ms_ != end;) {
            auto& slot = slots_[++now_ms_ % slots];
            for (auto* at = slot.next; at != &slot;) {
                auto& timer = static_cast<Timer&>(*at);
                at = at->next;
                if (timer.due_ms > now_ms_) continue;
                cancel(timer);
                timer.fire(timer);
            }
        }
    }

private:
    std::vector<Link> slots_;
    std::uint64_t now_ms_ = 0;
};

}  // namespace penstock::bench
