// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include <bench/process.hpp>

namespace penstock::bench {

/// One server under test.
class ServerProcess {
public:
    /// Runs `command` with a free port of 127.0.0.1 as its last argument, and waits until it accepts.
    static Result<ServerProcess> start(std::vector<std::string> command);

    std::uint16_t port() const { return port_; }
    /// What the process and its descendants have used so far, user and system.
    Result<std::chrono::nanoseconds> cpu_time() const;
    /// The pages that are theirs alone or were, not of any file.
    Result<std::uint64_t> memory_bytes() const;
    void stop() { process_.stop(); }

    static constexpr std::chrono::seconds start_max{20};  ///< valgrind takes its time

private:
    ServerProcess(Process process, std::uint16_t port) : process_(std::move(process)), port_(port) {}
    Result<void> await_ready();
    Result<void> find_clocks();

    Process process_;
    std::uint16_t port_;
    std::vector<clockid_t> clocks_;
};

/// The line "Anonymous:" of a file /proc/PID/smaps_rollup, in bytes.
Result<std::uint64_t> anonymous_bytes(std::string_view file);

}  // namespace penstock::bench
