// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/inbox.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace penstock::events {
namespace {

// Heads outlive every worker and every Remote, so they have no owner but the process.
constinit std::mutex recycled_lock;
constinit Inbox* recycled = nullptr;

}  // namespace

Inbox::Inbox() : ring_(std::make_unique<Cell[]>(cells)) {}

Inbox& Inbox::open() {
    const std::lock_guard lock(recycled_lock);
    auto* out = recycled;
    if (out == nullptr) return *new Inbox();
    recycled = out->next_recycled_;
    out->end_.fetch_and(~closed_bit, std::memory_order_acq_rel);
    return *out;
}

void Inbox::close() {
    end_.fetch_or(closed_bit, std::memory_order_seq_cst);
    while (repliers_.load(std::memory_order_seq_cst) != 0) {
    }
    const auto end = end_.load(std::memory_order_acquire) >> flag_bits;
    std::size_t most = cells;
    while (!run_cells(nullptr, end, most)) {
    }  // one that is reserved is published at once
    while (repliers_.load(std::memory_order_acquire) != 0) {
    }  // inside publish(): still to wake us
    take_replies();
    while (taken_ != nullptr) {
        auto& reply = *std::exchange(taken_, taken_->next);
        reply.run(reply, nullptr);
    }
    // A sender that read the end before it was closed must not find the same value again: start a lap later.
    begin_ += cells;
    known_freed_.store(begin_, std::memory_order_relaxed);
    free_cells();
    end_.store(begin_ << flag_bits | closed_bit, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_release);
    const std::lock_guard lock(recycled_lock);
    next_recycled_ = recycled;
    recycled = this;
}

void Inbox::reply(std::uint32_t epoch, Reply& reply) {
    repliers_.fetch_add(1, std::memory_order_seq_cst);
    const auto end = end_.load(std::memory_order_seq_cst);
    if ((end & closed_bit) != 0 || epoch_.load(std::memory_order_acquire) != epoch) {
        repliers_.fetch_sub(1, std::memory_order_release);
        return reply.run(reply, nullptr);
    }
    reply.stamp = end >> flag_bits;
    reply.next = replies_.load(std::memory_order_relaxed);
    while (!replies_.compare_exchange_weak(reply.next, &reply, std::memory_order_release,
                                           std::memory_order_relaxed)) {
    }
    if ((end_.fetch_and(~asleep_bit, std::memory_order_acq_rel) & asleep_bit) != 0) wake_(wake_context_);
    repliers_.fetch_sub(1, std::memory_order_release);
}

/// The lane is last in, first out, and senders may have overtaken each other between stamp and push.
void Inbox::take_replies() {
    auto* newest = replies_.exchange(nullptr, std::memory_order_acquire);
    Reply* sorted = taken_;
    Reply* batch = nullptr;  // oldest first
    while (newest != nullptr) {
        auto* reply = std::exchange(newest, newest->next);
        auto** at = &batch;
        while (*at != nullptr && (*at)->stamp < reply->stamp) at = &(*at)->next;
        reply->next = *at;
        *at = reply;
    }
    auto** last = &taken_;
    while (sorted != nullptr && batch != nullptr) {
        auto*& less = batch->stamp < sorted->stamp ? batch : sorted;
        *last = std::exchange(less, less->next);
        last = &(*last)->next;
    }
    *last = sorted != nullptr ? sorted : batch;
}

/// False when it stopped before `until`.
bool Inbox::run_cells(Worker* worker, std::uint64_t until, std::size_t& most) {
    const auto first = begin_, last = std::min<std::uint64_t>(until, first + most);
    while (begin_ < last) {
        auto& cell = ring_[begin_ % cells];
        if (cell.turn.load(std::memory_order_acquire) != begin_ + 1) break;
        cell.run(cell, worker);
        if (++begin_ % freed_at_once == 0) free_cells();
    }
    if (begin_ != first) free_cells();
    most -= begin_ - first;
    return begin_ >= until;
}

std::size_t Inbox::run(Worker& worker, std::size_t most) {
    const auto until = end_.load(std::memory_order_acquire) >> flag_bits;
    auto left = most;
    std::size_t replied = 0;
    take_replies();
    while (taken_ != nullptr) {
        if (!run_cells(&worker, taken_->stamp, left)) return most - left + replied;
        auto& reply = *std::exchange(taken_, taken_->next);
        reply.run(reply, &worker);
        ++replied;
    }
    run_cells(&worker, until, left);
    return most - left + replied;
}

bool Inbox::has_messages() const {
    return taken_ != nullptr || end_.load(std::memory_order_acquire) >> flag_bits != begin_ ||
           replies_.load(std::memory_order_acquire) != nullptr;
}

bool Inbox::go_to_sleep() {
    const auto end = end_.fetch_or(asleep_bit, std::memory_order_acq_rel);
    if (end >> flag_bits == begin_ && taken_ == nullptr &&
        replies_.load(std::memory_order_acquire) == nullptr)
        return true;
    awake();
    return false;
}

void Inbox::awake() {
    if ((end_.load(std::memory_order_relaxed) & asleep_bit) != 0)
        end_.fetch_and(~asleep_bit, std::memory_order_acq_rel);
}

}  // namespace penstock::events
