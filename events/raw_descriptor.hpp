// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/event_socket.hpp>

#include <memory>

namespace penstock::events {

class RawDescriptor;

/// What a RawDescriptor tells. Owned by it, destroyed right after on_closed.
class RawHandler {
public:
    virtual ~RawHandler() = default;
    /// Once for each watch(), and again for what comes later: read (or write) until EAGAIN, or call watch()
    /// again, which looks anew. (Who does neither is called again and again by a backend like poll, and not
    /// again by one like epoll.) Hang-ups and errors look like readiness.
    virtual void on_ready(RawDescriptor&, Interest) = 0;
    /// The worker drains. The default ends it.
    virtual void on_drain(RawDescriptor&);
    virtual void on_closed(RawDescriptor&, Error) {}
};

/// Readiness of any descriptor that can be polled (a tun device, an inotify, another library's socket); the
/// system calls are yours, and must not block. Owner: its worker, until the end of the turn of on_closed.
/// Thread: its worker's.
class RawDescriptor final : public EventSocket {
public:
    RawDescriptor(Worker& worker, std::unique_ptr<RawHandler> handler);

    /// Requires that it was not started before. After an error it is yours to delete. One whose file others
    /// hold too (a dup) must say so: Descriptor::shared.
    Result<void> start(Descriptor descriptor, Interest interest);
    int number() const { return number_; }
    void watch(Interest interest);
    /// Ends it, and gives the descriptor back open. Requires that it has not ended.
    Descriptor release();
    void abort() override { end(); }

private:
    void drain() override { handler_->on_drain(*this); }
    void on_ended(Error error) override { handler_->on_closed(*this, error); }
    void on_ready(Interest interest) override { handler_->on_ready(*this, interest); }
    void on_thrown(Error error) override { end(error); }

    const std::unique_ptr<RawHandler> handler_;
    int number_ = -1;
};

}  // namespace penstock::events
