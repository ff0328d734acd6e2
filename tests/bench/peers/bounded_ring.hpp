// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <bench/peers/message.hpp>

namespace penstock::bench {

/// The floor of a queue: many producers, one consumer, a fixed number of cells, and nobody sleeps.
///
/// What costs is cache lines that change cores. So two cells share a line, the consumer writes into none, and
/// says how far it has come only after a batch. It looks again at once when it found nothing: one that first
/// waits a microsecond takes larger batches and is up to three times as fast, but so much later too.
class BoundedRing {
public:
    static constexpr std::uint64_t cells = 4096;  // as many as an Inbox has
    static constexpr int batch_max = 256;

    /// Thread: any. False: it is full.
    bool push(Message message) {
        auto at = end_.load(std::memory_order_relaxed);
        do
            if (is_full(at)) return false;
        while (!end_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed));
        auto& cell = ring_[at % cells];
        cell.message = message;
        cell.turn.store(at + 1, std::memory_order_release);
        return true;
    }

    /// At the consumer. False: there was none.
    bool run_batch() {
        const auto begin = begin_.load(std::memory_order_relaxed);
        auto at = begin;
        while (at - begin < batch_max && ring_[at % cells].turn.load(std::memory_order_acquire) == at + 1) {
            const auto& message = ring_[at++ % cells].message;
            message.run(message.argument);
        }
        if (at != begin) begin_.store(at, std::memory_order_release);
        return at != begin;
    }

private:
    struct alignas(32) Cell {
        std::atomic<std::uint64_t> turn{0};  ///< its place plus one, when it holds that place's message
        Message message;
    };

    bool is_full(std::uint64_t at) {
        if (at - known_begin_.load(std::memory_order_acquire) < cells) return false;
        const auto begin = begin_.load(std::memory_order_acquire);
        known_begin_.store(begin, std::memory_order_release);
        return at - begin >= cells;
    }

    alignas(128) std::atomic<std::uint64_t> end_{0};
    alignas(128) std::atomic<std::uint64_t> known_begin_{0};  ///< the producers' copy of begin_; may be older
    alignas(128) std::atomic<std::uint64_t> begin_{0};
    alignas(128) std::array<Cell, cells> ring_;
};

}  // namespace penstock::bench
