// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/assert.hpp>
#include <penstock/core/sendable.hpp>
#include <penstock/events/event.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace penstock::events {

/// Items of one type from any thread to one worker: bounded, without a lock, in the order of each sender. The
/// worker is told of many at once. For single messages a Remote's post is simpler; a Queue has its own bound,
/// and its items come as a batch.
///
/// Owner: you; it may die inside its callback. What is left in it dies with it, or with the last Sender.
/// Thread: its worker's; others hold a Sender.
template <core::Sendable T>
class Queue : core::Affine {
    static_assert(std::is_nothrow_move_constructible_v<T>);
    struct Ring;

public:
    /// At most so many in one callback: then others have their turn.
    static constexpr std::size_t batch_max = 1024;

    /// Sendable; stale ones answer `stopped`. Thread: any.
    class Sender {
    public:
        /// After `full` and `stopped` the item is untouched.
        Posted push(T&& item) const { return ring_->push(std::move(item)); }
        static constexpr bool sendable = true;

    private:
        friend class Queue;
        explicit Sender(std::shared_ptr<Ring> ring) : ring_(std::move(ring)) {}
        std::shared_ptr<Ring> ring_;
    };

    /// `capacity`: items that wait at most, rounded up to a power of two, two at least.
    Queue(Worker& worker, std::size_t capacity, std::move_only_function<void(std::span<T>)> on_items)
        : event_(worker, [this](std::uint64_t) { take(); }),
          ring_(std::make_shared<Ring>(std::bit_ceil(std::max<std::size_t>(capacity, 2)), event_.trigger())),
          call_(std::move(on_items)) {}
    ~Queue() {
        ring_->is_closed.store(true, std::memory_order_release);
        if (died_ != nullptr) *died_ = true;
    }

    Sender sender() const { return Sender(ring_); }

private:
    struct Cell {
        std::atomic<std::size_t> turn;
        alignas(T) std::byte item[sizeof(T)];
        T& get() { return *std::launder(reinterpret_cast<T*>(item)); }
    };
    struct Ring {
        Ring(std::size_t capacity, Event::Trigger t)
            : cells(capacity), mask(capacity - 1), trigger(std::move(t)) {
            for (std::size_t i = 0; i < capacity; ++i) cells[i].turn.store(i, std::memory_order_relaxed);
        }
        ~Ring() {
            while (pop([](T&&) {})) {
            }
        }
        Posted push(T&& item);
        /// The consumer's. False: nothing is there.
        template <class F>
        bool pop(F&& use);

        std::vector<Cell> cells;
        const std::size_t mask;
        const Event::Trigger trigger;
        std::atomic<bool> is_closed{false};
        alignas(64) std::atomic<std::size_t> end{0};
        alignas(64) std::size_t begin = 0;
        std::atomic<bool> is_told{false};
    };
    /// Holds what the callback needs while it runs: it may end the queue, or throw.
    struct Calling {
        explicit Calling(Queue& q) : queue(q), call(std::move(q.call_)), batch(std::move(q.batch_)) {
            queue.died_ = &died;
        }
        ~Calling() {
            if (died) return;
            queue.died_ = nullptr;
            queue.call_ = std::move(call);
            batch.clear();
            queue.batch_ = std::move(batch);  // its room
        }
        Queue& queue;
        std::move_only_function<void(std::span<T>)> call;
        std::vector<T> batch;
        bool died = false;
    };
    void take();

    Event event_;
    const std::shared_ptr<Ring> ring_;
    std::move_only_function<void(std::span<T>)> call_;
    std::vector<T> batch_;
    bool* died_ = nullptr;  // set while the callback runs
};

template <core::Sendable T>
Posted Queue<T>::Ring::push(T&& item) {
    if (is_closed.load(std::memory_order_acquire)) return Posted::stopped;
    auto at = end.load(std::memory_order_relaxed);
    for (;;) {
        auto& cell = cells[at & mask];
        const auto turn = cell.turn.load(std::memory_order_acquire);
        if (turn == at) {
            if (!end.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
            new (cell.item) T(std::move(item));
            cell.turn.store(at + 1, std::memory_order_release);
            if (!is_told.exchange(true, std::memory_order_acq_rel)) trigger.add();
            return Posted::ok;
        }
        const auto now = end.load(std::memory_order_relaxed);
        if (turn < at && now == at) return Posted::full;
        at = now;
    }
}

template <core::Sendable T>
template <class F>
bool Queue<T>::Ring::pop(F&& use) {
    auto& cell = cells[begin & mask];
    if (cell.turn.load(std::memory_order_acquire) != begin + 1) return false;
    use(std::move(cell.get()));
    cell.get().~T();
    cell.turn.store(begin + cells.size(), std::memory_order_release);
    ++begin;
    return true;
}

template <core::Sendable T>
void Queue<T>::take() {
    ring_->is_told.exchange(false, std::memory_order_acq_rel);  // what was pushed before it is seen below
    batch_.clear();
    while (batch_.size() < batch_max && ring_->pop([this](T&& item) { batch_.push_back(std::move(item)); })) {
    }
    if (batch_.empty()) return;
    if (batch_.size() == batch_max && !ring_->is_told.exchange(true, std::memory_order_acq_rel))
        ring_->trigger.add();
    Calling calling(*this);
    calling.call(std::span<T>(calling.batch));
}

}  // namespace penstock::events
