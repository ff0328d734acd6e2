// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/handle_table.hpp>

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
    /// Gives the entry back and asks the worker to free this at the end of the turn, after on_ended(error).
    /// Nothing in flight calls back from here on. `reset` drops what the peer has not got yet.
    void end(Error error = {}, bool reset = false);
    bool is_ended() const { return is_ended_; }
    /// Asks for flush() at the end of the turn.
    void flush_later();
    /// The place of `self`, which is this, among those that gave out a Remote; taken at first use.
    HandleTable::Handle handle(void* self);
    bool has_handle() const { return place_ != 0; }

    Entry* entry_ = nullptr;

private:
    friend class Worker;
    /// The worker drains: finish what runs, begin nothing new.
    virtual void drain() = 0;
    /// Sends what became due in this turn.
    virtual void flush() {}
    /// At the end of the turn, right before it is freed.
    virtual void on_ended(Error) {}

    Worker* worker_;
    EventSocket* next_ = nullptr;  // in the worker's list
    EventSocket* previous_ = nullptr;
    std::uint32_t place_ = 0;  // in the worker's handle table
    bool is_ended_ = false;
    bool is_dirty_ = false;  // waits for its flush
    const bool counts_;
};

}  // namespace penstock::events
