// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/net/pipeline/pipeline.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::pipeline {

void Handler::on_write(Slot& slot, Message message) { slot.pass_write(std::move(message)); }
void Handler::on_shutdown(Slot& slot, Direction direction, Error) { slot.shutdown_done(direction); }
void Handler::on_drain(Slot& slot) { slot.pipeline().close(); }

// Slot.

Worker& Slot::worker() const { return line_.worker(); }

void Slot::pass_read(Slice slice) {
    if (right_ == nullptr) return;
    if (right_ == line_.last_) line_.spend(slice.size());
    right_->handler_->on_read(*right_, std::move(slice));
}

void Slot::pass_write(Message message) { line_.write_left(left_, std::move(message)); }
bool Slot::is_writable() const { return line_.carrier_.unsent_bytes() < Pipeline::high_bytes; }
void Slot::window(std::size_t bytes) { line_.window(bytes); }
void Slot::consumed(std::size_t bytes) { line_.consumed(bytes); }
void Slot::shut_down(Error error) { line_.shut_down(error); }
void Slot::shutdown_done(Direction direction) { line_.advance(*this, direction); }

// Pipeline.

Pipeline::~Pipeline() {
    fail_pending(Error::os(ECONNABORTED, "the pipeline ended"));
    while (first_ != nullptr) delete std::exchange(first_, first_->right_);
}

template <class F>
void Pipeline::guarded(F f) {
    try {
        f();
    } catch (...) {
        worker_.caught("pipeline handler");
        abort(Error::os(EFAULT, "a handler threw"));
    }
}

Slot& Pipeline::add_one(std::unique_ptr<Handler> handler) {
    auto* slot = new Slot(*this, std::move(handler));
    slot->left_ = last_;
    (last_ != nullptr ? last_->right_ : first_) = slot;
    last_ = slot;
    slot->handler_->on_added(*slot);
    return *slot;
}

void Pipeline::replace(Slot& slot, std::unique_ptr<Handler> handler) {
    worker_.bury(std::exchange(slot.handler_, std::move(handler)));
    slot.handler_->on_added(slot);
    // The former one's part in a shutdown is over; the new one has none in what it never began.
    if (ending_ == &slot) advance(slot, phase_ == Phase::reading ? Direction::read : Direction::write);
}

void Pipeline::remove(Slot& slot) {
    (slot.left_ != nullptr ? slot.left_->right_ : first_) = slot.right_;
    (slot.right_ != nullptr ? slot.right_->left_ : last_) = slot.left_;
    if (ending_ == &slot) advance(slot, phase_ == Phase::reading ? Direction::read : Direction::write);
    worker_.bury(std::unique_ptr<Slot>(&slot));
}

void Pipeline::received(Slice slice) {
    if (first_ == nullptr || phase_ != Phase::open) return;  // who has agreed to the end gets nothing more
    is_reading_ = true;
    if (first_ == last_) spend(slice.size());
    guarded([&] { first_->handler_->on_read(*first_, std::move(slice)); });
    is_reading_ = false;
    if (credit_ != unlimited) rearm();
}

void Pipeline::spend(std::size_t bytes) {
    if (credit_ != unlimited) credit_ -= static_cast<std::int64_t>(bytes);
}

void Pipeline::write_left(Slot* left, Message message) {
    if (phase_ >= Phase::closing) {
        if (message.on_done)
            worker_.later([done = std::move(message.on_done)]() mutable {
                done(fail(Error::os(EPIPE, "the pipeline ended")));
            });
        return;
    }
    if (left != nullptr) return left->handler_->on_write(*left, std::move(message));
    written_ += message.data.size();
    if (message.on_done) {
        if (pending_ == nullptr) pending_ = std::make_unique<Completions>(*this);
        pending_->queue.push_back({written_, std::move(message.on_done)});
        if (message.data.empty()) pending_->defer(worker_);  // the carrier will not speak of it
    }
    carrier_.write(std::move(message.data));
}

void Pipeline::window(std::size_t bytes) {
    window_ = bytes;
    credit_ = static_cast<std::int64_t>(bytes);
    consumed_ = 0;
    if (!is_reading_ || bytes == no_window) rearm();
}

void Pipeline::consumed(std::size_t bytes) {
    if (window_ == no_window) return;
    consumed_ += bytes;
    if (credit_ > 0 && consumed_ < window_ / 2) return;
    refill();
    if (!is_reading_) rearm();
}

void Pipeline::refill() {
    const auto consumed = static_cast<std::int64_t>(std::exchange(consumed_, 0));
    credit_ = std::min(credit_ + consumed, static_cast<std::int64_t>(window_));
}

/// Asks leftwards what must come in for the consumer's credit to go out.
void Pipeline::rearm() {
    if (phase_ >= Phase::closing) return;
    if (credit_ <= 0 && consumed_ > 0) refill();  // what waited for its batch
    auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(credit_, 0));
    if (bytes != 0 && bytes != no_window)
        for (auto* slot = last_ != nullptr ? last_->left_ : nullptr; slot != nullptr; slot = slot->left_)
            bytes = slot->handler_->on_window(*slot, bytes);
    carrier_.read_credit(bytes);
}

void Pipeline::sent() {
    if (pending_ == nullptr) return;
    const auto left = carrier_.bytes_left();
    while (!pending_->queue.empty() && pending_->queue.front().until <= left) {
        auto done = std::move(pending_->queue.front().on_done);
        pending_->queue.pop_front();
        guarded([&] { done({}); });
        if (pending_ == nullptr) return;
    }
    if (pending_->queue.empty()) pending_ = nullptr;
}

void Pipeline::fail_pending(Error error) {
    if (pending_ == nullptr) return;
    const auto failed = std::move(pending_);
    for (auto& pending : failed->queue) guarded([&] { pending.on_done(fail(error)); });
}

void Pipeline::writable() {
    for (auto* slot = first_; slot != nullptr && phase_ < Phase::closing; slot = slot->right_)
        guarded([&] { slot->handler_->on_writable(*slot); });
}

void Pipeline::drain() {
    if (last_ == nullptr) return close();
    guarded([&] { last_->handler_->on_drain(*last_); });
}

void Pipeline::receive_end() { shut_down(Error()); }

void Pipeline::shut_down(Error error) {
    if (!error_) error_ = error;
    if (phase_ != Phase::open) return;
    phase_ = Phase::reading;
    ending_ = first_;
    notify();
}

/// Tells the next handler in line; the last of a direction turns the row around.
void Pipeline::notify() {
    if (ending_ != nullptr) {
        const auto direction = phase_ == Phase::reading ? Direction::read : Direction::write;
        return guarded([&] { ending_->handler_->on_shutdown(*ending_, direction, error_); });
    }
    if (phase_ == Phase::reading) {
        phase_ = Phase::writing;
        ending_ = last_;
        return notify();
    }
    if (phase_ != Phase::writing) return;
    phase_ = Phase::closing;
    carrier_.close();
}

void Pipeline::advance(Slot& from, Direction direction) {
    if (ending_ != &from) return;
    if (direction != (phase_ == Phase::reading ? Direction::read : Direction::write)) return;
    ending_ = direction == Direction::read ? from.right_ : from.left_;
    if (phase_ != Phase::closed) notify();
}

void Pipeline::abort(Error error) {
    if (!error_) error_ = error;
    if (phase_ == Phase::closed) return;
    carrier_.abort(error_);
}

void Pipeline::closed(Error error) {
    if (phase_ == Phase::closed) return;
    if (!error_) error_ = error;
    const auto before = std::exchange(phase_, Phase::closed);
    // Nobody is waited for any more: each hears what it has not heard.
    if (before <= Phase::reading)
        for (auto* slot = before == Phase::reading && ending_ != nullptr ? ending_->right_ : first_;
             slot != nullptr; slot = slot->right_)
            guarded([&] { slot->handler_->on_shutdown(*slot, Direction::read, error_); });
    if (before <= Phase::writing)
        for (auto* slot = before == Phase::writing && ending_ != nullptr ? ending_->left_ : last_;
             slot != nullptr; slot = slot->left_)
            guarded([&] { slot->handler_->on_shutdown(*slot, Direction::write, error_); });
    fail_pending(error_ ? error_ : Error::os(EPIPE, "the pipeline ended"));
}

}  // namespace penstock::pipeline
