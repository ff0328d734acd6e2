// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>

namespace penstock::node {

/// SIGINT and SIGTERM as calls of one function, on a thread of its own: what it does may block. While this
/// lives they are blocked in the thread that made it, and in all that this thread starts afterwards.
class StopSignals {
public:
    StopSignals();
    /// Waits until the function has returned, if it was called.
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    /// The first signal calls it, once.
    void start(std::function<void()> on_signal);
    /// Inside of the function: waits that long; true as soon as there is another signal.
    bool another(std::chrono::nanoseconds at_most) const;
    /// Inside of the function: from now on a signal ends the process at once.
    void let_through() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::node
