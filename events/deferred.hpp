// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::events {

class Worker;

/// Something that its worker does later in the same turn (or in the next, when that step is over): behind all
/// events and messages of this turn, before the output is flushed. Inside its owner: no allocation; it is
/// cancelled when it dies. Thread: its worker's.
class Deferred {
public:
    Deferred() = default;
    Deferred(const Deferred&) = delete;
    Deferred& operator=(const Deferred&) = delete;
    virtual ~Deferred() { cancel(); }

    /// Once until it ran; again is legal.
    void defer(Worker& worker);
    void cancel();
    bool is_deferred() const { return previous_ != nullptr; }

private:
    friend class Worker;
    virtual void on_deferred() = 0;

    Worker* worker_ = nullptr;
    Deferred* next_ = nullptr;
    Deferred** previous_ = nullptr;
};

/// Oldest first.
struct DeferredList {
    Deferred* first = nullptr;
    Deferred** last = &first;
};

}  // namespace penstock::events
