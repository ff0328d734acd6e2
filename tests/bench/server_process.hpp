// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include <sys/types.h>

namespace penstock::bench {

/// One server under test, pinned to its core before it begins, in a session of its own. Ended by its
/// destructor at the latest, and by the kernel when the driver dies.
class ServerProcess {
public:
    /// Runs `command` with a free port of 127.0.0.1 as its last argument, and waits until it accepts.
    static Result<ServerProcess> start(std::vector<std::string> command);
    ServerProcess(ServerProcess&& other) noexcept;
    ServerProcess& operator=(ServerProcess&&) = delete;
    ~ServerProcess() { stop(); }

    std::uint16_t port() const { return port_; }
    /// What the process and its descendants have used so far, user and system.
    Result<std::chrono::nanoseconds> cpu_time() const;
    /// SIGTERM, and SIGKILL for whoever is still there after `stop_max`.
    void stop();

    static constexpr std::chrono::seconds start_max{20};  ///< valgrind takes its time
    static constexpr std::chrono::seconds stop_max{10};   ///< likewise, when it writes its counts

private:
    ServerProcess(pid_t pid, std::uint16_t port) : pid_(pid), port_(port) {}
    Result<void> await_ready();
    Result<void> find_clocks();
    bool has_ended();

    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
    std::vector<clockid_t> clocks_;
};

}  // namespace penstock::bench
