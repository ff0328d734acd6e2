// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/remote.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/stream/session_table.hpp>

#include <chrono>
#include <optional>
#include <vector>

namespace penstock::node {

/// What a worker tells of itself when it is asked.
struct WorkerReport {
    std::uint32_t index = 0;
    std::uint64_t requests = 0;
    std::uint64_t handshakes = 0, handshakes_refused = 0;
    std::uint64_t encrypted_requests = 0, encrypted_requests_refused = 0;
    std::size_t keys = 0, sessions = 0;
    std::vector<stream::SessionTable::Status> listed{};  ///< of the sessions, up to sessions_listed_max

    static constexpr std::size_t sessions_listed_max = 1000;
    static constexpr bool sendable = true;  // it owns all that is in it
};

/// Asks all workers by posts. One that doesn't answer in time is silent: it is busy, or stuck.
///
///     Gathering gathering(worker);
///     co_await gathering.ask();
///
/// Owner: you; late answers find nobody. Thread: its worker's.
class Gathering : core::Affine {
public:
    static constexpr std::chrono::milliseconds patience{200};

    explicit Gathering(Worker& worker);
    ~Gathering();

    /// Ends when all have answered, or patience has. Once.
    Awaitable<bool> ask();
    /// One a worker; nothing: silent.
    const std::vector<std::optional<WorkerReport>>& reports() const { return reports_; }

private:
    void begin();
    void take(WorkerReport report);

    Worker& worker_;
    const std::uint32_t place_;
    std::vector<std::optional<WorkerReport>> reports_;
    std::size_t missing_ = 0;
    events::Answer<bool> answer_;
    Timer timer_;
};

}  // namespace penstock::node
