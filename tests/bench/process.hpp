// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

namespace penstock::bench {

/// A program under test, pinned to the server's core before it begins, in a session of its own. Ended by its
/// destructor at the latest, and by the kernel when the driver dies.
class Process {
public:
    /// `output` becomes its standard output; -1: nobody reads that.
    static Result<Process> start(std::vector<std::string> command, int output = -1);
    Process(Process&& other) noexcept;
    Process& operator=(Process&&) = delete;
    ~Process() { stop(); }

    /// Itself and its descendants, now.
    std::vector<pid_t> pids() const;
    bool has_ended();
    /// Whether it ended by itself, with 0.
    bool has_succeeded() { return has_ended() && status_ == 0; }
    /// SIGTERM, and SIGKILL for whoever is still there after `stop_max`.
    void stop();

    static constexpr std::chrono::seconds stop_max{10};  ///< valgrind takes its time to write its counts

private:
    explicit Process(pid_t pid) : pid_(pid) {}

    pid_t pid_ = -1;
    int status_ = -1;
};

}  // namespace penstock::bench
