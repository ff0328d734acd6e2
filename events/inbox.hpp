// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace penstock::events {

class Worker;

/// A message that needs no room in the ring: answers to what was asked ride in the node of their request, so
/// they are never refused. `run` is called once on the owner (with null when the worker has stopped) and
/// frees the node.
struct Reply {
    Reply* next = nullptr;
    std::uint64_t stamp =
        0;  ///< the ring's end when it was sent: it runs behind what its sender had posted before
    void (*run)(Reply&, Worker*) = nullptr;
};

/// Messages from any thread to one worker: a bounded ring, and a lane of replies that cannot be full.
/// Messages of one sender keep their order across both.
///
/// Wake-ups: the worker says that it is going to sleep by a bit in the ring's end, so whoever adds next
/// learns of it from the same atomic step that reserves a cell, and a post to a worker that is awake makes no
/// system call.
///
/// Heads are recycled, never freed: a Remote may outlive its worker, and a late post answers "stopped", told
/// by the epoch, which grows at each end.
class Inbox {
public:
    static constexpr std::size_t cells = 4096;       ///< messages that wait at most: then "full"
    static constexpr std::size_t inline_bytes = 48;  ///< a message up to this size costs no allocation

    struct alignas(64) Cell {
        std::atomic<std::uint64_t> turn;
        /// With a worker: runs and destroys the payload. Without: destroys it.
        void (*run)(Cell&, Worker*);
        alignas(16) std::byte payload[inline_bytes];
    };

    /// Takes a head out of the recycled ones; thread: any.
    static Inbox& open();
    /// Nothing is accepted any more; what is left is run without a worker, and the head is recycled. Owner
    /// only.
    void close();

    struct Reserved {
        Posted posted;
        Cell* cell;
        bool wake;  ///< the worker sleeps: publish() wakes it
    };
    /// Thread: any. A reserved cell must be published, soon.
    Reserved reserve(std::uint32_t epoch) {
        auto end = end_.load(std::memory_order_acquire);  // before the epoch: see open()
        for (;;) {
            if ((end & closed_bit) != 0 || epoch_.load(std::memory_order_relaxed) != epoch)
                return {Posted::stopped, nullptr, false};
            const auto at = end >> flag_bits;
            auto& cell = ring_[at % cells];
            const auto turn = cell.turn.load(std::memory_order_acquire);
            if (turn == at) {
                if (end_.compare_exchange_weak(end, (at + 1) << flag_bits, std::memory_order_acq_rel,
                                               std::memory_order_acquire))
                    return {Posted::ok, &cell, (end & asleep_bit) != 0};
            } else if (turn < at) {
                const auto now = end_.load(std::memory_order_acquire);
                if (now >> flag_bits == at) return {Posted::full, nullptr, false};
                end = now;
            } else {
                end = end_.load(std::memory_order_acquire);
            }
        }
    }
    /// Shows the cell, then wakes: a sender that loses its CPU to the worker must not keep it waiting.
    void publish(const Reserved& reserved) noexcept {
        auto& turn = reserved.cell->turn;
        if (reserved.wake)
            repliers_.fetch_add(1, std::memory_order_relaxed);  // close() sees it with the cell
        turn.store(turn.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        if (!reserved.wake) return;
        wake_(wake_context_);
        repliers_.fetch_sub(1, std::memory_order_release);
    }
    /// Thread: any. When the worker has stopped, the reply is run here at once, without one.
    void reply(std::uint32_t epoch, Reply& reply);

    // The owner's side.

    /// Runs at most `most` messages; answers how many.
    std::size_t run(Worker& worker, std::size_t most);
    /// True when something waits.
    bool has_messages() const;
    /// Before a blocking wait. False: something came, do not sleep. Then call awake().
    bool go_to_sleep();
    void awake();
    std::uint32_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
    /// Before the first post can come.
    void on_wake(void (*call)(void*) noexcept, void* context) {
        wake_ = call;
        wake_context_ = context;
    }

private:
    Inbox();
    static constexpr unsigned flag_bits = 2;
    static constexpr std::uint64_t asleep_bit = 1, closed_bit = 2;

    void take_replies();
    bool run_cells(Worker* worker, std::uint64_t until, std::size_t& most);

    alignas(64) std::atomic<std::uint64_t> end_{0};  ///< next cell to reserve << 2 | flags
    alignas(64) std::atomic<Reply*> replies_{nullptr};
    alignas(64) std::uint64_t begin_ = 0;  ///< next cell to run; the owner's
    Reply* taken_ = nullptr;               ///< replies out of the lane, by stamp; the owner's
    std::atomic<std::uint32_t> epoch_{0};
    std::atomic<std::uint32_t> repliers_{0};  ///< inside reply(): close() waits for them
    std::unique_ptr<Cell[]> ring_;
    void (*wake_)(void*) noexcept = nullptr;
    void* wake_context_ = nullptr;
    Inbox* next_recycled_ = nullptr;
};

}  // namespace penstock::events
