// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/backend.hpp>

namespace penstock::events {

class Worker;

/// The base of what a worker waits for by a descriptor. The worker owns it until the end of the turn in which
/// it ends. Thread: its worker's.
class EventSocket : core::Affine, protected EntryOwner {
public:
    virtual ~EventSocket();
    Worker& worker() const { return *worker_; }
    /// Ends it now; what is unsent is dropped.
    virtual void abort() = 0;

protected:
    /// `counts`: the worker waits for it when it drains.
    explicit EventSocket(Worker& worker, bool counts = false);

    Result<void> enter(Descriptor descriptor);
    bool is_entered() const { return entry_ != nullptr; }
    Backend& backend() const;
    /// Gives the entry back and asks the worker to free this at the end of the turn, after on_ended().
    void end(bool reset = false);
    bool is_ended() const { return is_ended_; }

    Entry* entry_ = nullptr;

private:
    friend class Worker;
    /// The worker drains: finish what runs, begin nothing new.
    virtual void drain() = 0;
    /// At the end of the turn, right before it is freed.
    virtual void on_ended() {}

    Worker* worker_;
    EventSocket* next_ = nullptr;  // in the worker's list
    EventSocket* previous_ = nullptr;
    bool is_ended_ = false;
    const bool counts_;
};

}  // namespace penstock::events
