// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/event_socket.hpp>
#include <penstock/events/worker.hpp>

#include <functional>
#include <initializer_list>

namespace penstock::events {

/// Signals of the process as events of one worker (signalfd). They must be blocked in all threads before
/// those are started: `block()` in main, which Reactor::run does for SIGINT and SIGTERM. Owner: the worker.
class Signals final : public EventSocket {
public:
    static void block(std::initializer_list<int> numbers);

    Signals(Worker& worker, std::move_only_function<void(int number)> on_signal)
        : EventSocket(worker), on_signal_(std::move(on_signal)) {}
    Result<void> start(std::initializer_list<int> numbers);
    void abort() override { end(); }

private:
    void drain() override {}  // a second signal while draining still counts
    void on_received(Slice slice) override;

    std::move_only_function<void(int)> on_signal_;
};

}  // namespace penstock::events
