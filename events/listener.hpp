// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/event_socket.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/timer_wheel.hpp>
#include <penstock/events/worker.hpp>

#include <optional>

namespace penstock::events {

/// A listening socket of one worker. When descriptors run out it pauses for 100 ms and goes on: what waits in
/// the accept queue is not lost. That may go on for long: it is logged, but not each time. Thread, owner: its
/// worker.
class Listener final : public EventSocket, Deadline {
public:
    static constexpr std::chrono::milliseconds pause{100};
    static constexpr std::chrono::seconds log_pause{10};

    Listener(Worker& worker, MakeHandler make) : EventSocket(worker), make_(std::move(make)) {
        worker.listens(1);
    }

    ~Listener() override {
        worker().listens(-1);
        if (tied_ != nullptr) *tied_ = nullptr;
    }

    /// Whether somebody listens there already (EADDRINUSE), or we may not (EACCES): listeners share their
    /// port with those of other processes of the same user, so that starting one doesn't tell. To be asked
    /// before the first worker listens. Thread: any.
    static Result<void> probe(const Address& address);

    Result<void> start(const Address& address, ListenOptions options = {});
    /// On a socket that listens already: one of SharedListener, say.
    Result<void> start(Descriptor listening);
    /// Listeners of different workers with the same address and the same group stand for each other: a fresh
    /// connection may go from one to the other.
    void group(const void* group) { group_ = group; }
    bool stands_for(const Address& address, const void* group) const {
        return is_entered() && address_ == address && group_ == group;
    }
    /// Makes a connection of this worker.
    void take(Descriptor descriptor, const Address& peer);
    /// Where it listens, the port included that the system chose. Empty for a unix socket.
    const Address& address() const { return address_; }
    /// Empties the accept queue, then ends.
    void close() { drain(); }
    void abort() override { end(); }
    /// Stops accepting for a while; connections wait in the system's queue.
    void ready_to_accept(bool is);

    /// `pointer` becomes null when this dies: for who keeps one, and outlives the worker's sockets. Undone by
    /// untie.
    void tie(Listener*& pointer) { tied_ = &pointer; }
    void untie() { tied_ = nullptr; }

    std::uint64_t accepted() const { return accepted_; }

private:
    void drain() override;
    void on_accepted(Descriptor descriptor, const Address& peer) override;
    void on_accept_failed(Error error) override;
    void on_due() override;
    std::string origin() const override { return "at " + address_.text(); }
    void last_round();
    bool hand_over(Descriptor& descriptor, const Address& peer);

    MakeHandler make_;
    Address address_;
    std::uint64_t accepted_ = 0, accepted_before_ = 0;
    std::optional<TimePoint> logged_;  // when an accept had failed
    std::uint64_t unlogged_ = 0;
    Listener** tied_ = nullptr;
    const void* group_ = nullptr;
    bool is_ready_ = true;
    bool is_closing_ = false;
};

}  // namespace penstock::events
