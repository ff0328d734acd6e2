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
/// What costs is cache lines that change cores, so the worker writes into no cell: it says how far it has
/// come after a batch, and senders look there only when the ring seems full.
///
/// Heads are recycled, never freed: a Remote may outlive its worker, and a late post answers "stopped", told
/// by the epoch, which grows at each end.
class Inbox {
public:
    static constexpr std::size_t cells = 4096;         ///< messages that wait at most: then "full"
    static constexpr std::size_t freed_at_once = 256;  ///< cells that have run are free after so many at most
    static constexpr std::size_t inline_bytes = 48;    ///< a message up to this size costs no allocation

    struct alignas(64) Cell {
        std::atomic<std::uint64_t> turn{0};  ///< its place plus one, when it holds that place's message
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
        std::uint64_t place;
        bool wake;  ///< the worker sleeps: publish() wakes it
    };
    /// Thread: any. A reserved cell must be published, soon.
    Reserved reserve(std::uint32_t epoch) {
        auto end = end_.load(std::memory_order_acquire);  // before the epoch: see open()
        for (;;) {
            if ((end & closed_bit) != 0 || epoch_.load(std::memory_order_relaxed) != epoch)
                return {Posted::stopped, nullptr, 0, false};
            const auto at = end >> flag_bits;
            if (seems_full(at)) {
                const auto now = end_.load(std::memory_order_acquire);
                if (now >> flag_bits == at && (now & closed_bit) == 0)
                    return {Posted::full, nullptr, 0, false};
                end = now;
            } else if (end_.compare_exchange_weak(end, (at + 1) << flag_bits, std::memory_order_acq_rel,
                                                  std::memory_order_acquire)) {
                return {Posted::ok, &ring_[at % cells], at, (end & asleep_bit) != 0};
            }
        }
    }
    /// Shows the cell, then wakes: a sender that loses its CPU to the worker must not keep it waiting.
    void publish(const Reserved& reserved) noexcept {
        if (reserved.wake)
            repliers_.fetch_add(1, std::memory_order_relaxed);  // close() sees it with the cell
        reserved.cell->turn.store(reserved.place + 1, std::memory_order_release);
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
    void free_cells() { freed_.store(begin_, std::memory_order_release); }
    bool seems_full(std::uint64_t at) {
        if (at - known_freed_.load(std::memory_order_acquire) < cells) return false;
        const auto freed = freed_.load(std::memory_order_acquire);
        known_freed_.store(freed, std::memory_order_release);
        return at - freed >= cells;
    }

    alignas(64) std::atomic<std::uint64_t> end_{0};  ///< next cell to reserve << 2 | flags
    // Senders read these at each post; they are written rarely.
    alignas(64) std::atomic<std::uint64_t> known_freed_{0};  ///< what a sender last saw in freed_
    std::unique_ptr<Cell[]> ring_;
    std::atomic<std::uint32_t> epoch_{0};
    void (*wake_)(void*) noexcept = nullptr;
    void* wake_context_ = nullptr;
    Inbox* next_recycled_ = nullptr;
    // Replies.
    alignas(64) std::atomic<Reply*> replies_{nullptr};
    std::atomic<std::uint32_t> repliers_{0};  ///< inside reply(): close() waits for them
    // The owner's.
    alignas(64) std::atomic<std::uint64_t> freed_{0};  ///< cells before it are free; written once a batch
    alignas(64) std::uint64_t begin_ = 0;              ///< next cell to run
    Reply* taken_ = nullptr;                           ///< replies out of the lane, by stamp
};

}  // namespace penstock::events
