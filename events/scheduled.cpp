// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/scheduled.hpp>
#include <penstock/events/worker.hpp>

#include <algorithm>
#include <utility>

namespace penstock::events::detail {

/// A worker's nodes that wait for their time; what is left at its end is run as cancelled.
class ScheduledList {
public:
    ~ScheduledList() {
        while (first_ != nullptr) first_->finish(nullptr);
    }
    void add(ScheduledNode& node) {
        node.next_ = std::move(first_);
        if (node.next_ != nullptr) node.next_->previous_ = &node;
        first_ = node.shared_from_this();
    }
    void remove(ScheduledNode& node) {
        if (node.next_ != nullptr) node.next_->previous_ = node.previous_;
        auto& link = node.previous_ != nullptr ? node.previous_->next_ : first_;
        const auto keep = std::move(link);
        link = std::move(node.next_);
        node.previous_ = nullptr;
    }

private:
    std::shared_ptr<ScheduledNode> first_;
};

ScheduledNode::ScheduledNode(std::chrono::nanoseconds after) : after_(after) {
    way_.run = &arrive;
    cancel_way_.run = &arrive_cancelled;
}

void ScheduledNode::send(Inbox* inbox, std::uint32_t epoch) {
    inbox_ = inbox;
    epoch_ = epoch;
    way_.node = shared_from_this();
    if (inbox == nullptr) return arrive(way_, nullptr);
    inbox->reply(epoch, way_);
}

void ScheduledNode::cancel() {
    if (is_cancelled_.exchange(true, std::memory_order_acq_rel) || inbox_ == nullptr) return;
    cancel_way_.node = shared_from_this();
    inbox_->reply(epoch_, cancel_way_);
}

void ScheduledNode::arrive(Reply& reply, Worker* worker) {
    const auto node = std::move(static_cast<Way&>(reply).node);
    if (node->is_done_) return;  // its cancellation came first
    if (worker == nullptr || node->after_.count() <= 0)
        return node->finish(node->is_cancelled_.load(std::memory_order_acquire) ? nullptr : worker);
    node->waits_on_ = worker;
    worker->local<ScheduledList>().add(*node);
    // The call may have come in the middle of this turn, which has one time, that of its begin.
    const std::chrono::nanoseconds passed = worker->clock().now() - worker->now();
    const auto most = std::chrono::nanoseconds::max() - passed;
    worker->arm(*node, std::min(node->after_, most) + passed);
}

void ScheduledNode::arrive_cancelled(Reply& reply, Worker* worker) {
    const auto node = std::move(static_cast<Way&>(reply).node);
    if (worker != nullptr && !node->is_done_) node->finish(nullptr);
}

void ScheduledNode::on_due() { finish(is_cancelled_.load(std::memory_order_acquire) ? nullptr : waits_on_); }

void ScheduledNode::finish(Worker* worker) {
    const auto keep = shared_from_this();
    Deadline::cancel();
    is_done_ = true;
    if (waits_on_ != nullptr) std::exchange(waits_on_, nullptr)->local<ScheduledList>().remove(*this);
    try {
        call(worker);
    } catch (...) {
        if (auto* current = Worker::current()) current->caught("scheduled function");
    }
}

}  // namespace penstock::events::detail
