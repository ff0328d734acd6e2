// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <string>
#include <vector>

#include <bench/traffic.hpp>

namespace penstock::bench {

/// The load: keeps `connections` busy, each with `depth` requests in flight, and counts replies by bytes.
///
/// It never sleeps while it runs (epoll_wait with timeout 0): a generator that sleeps would charge the server
/// for waking it. Of each batch the first bytes are compared, and every byte is counted: one too many is an
/// error. Thread: its own.
class Generator {
public:
    /// Sends one request on a connection of its own, checks the whole reply, then connects the rest.
    static Result<Generator> connect(std::uint16_t port, const Traffic& traffic);
    Generator(Generator&& other) noexcept;
    Generator& operator=(Generator&&) = delete;
    ~Generator();

    /// Sends for `duration`, then collects what is still out. Returns how many replies came.
    Result<std::uint64_t> run_for(std::chrono::nanoseconds duration);
    /// Exactly `requests`, rounded down to whole batches.
    Result<std::uint64_t> run_count(std::uint64_t requests);

    std::size_t reply_bytes() const { return reply_bytes_; }

private:
    struct Connection {
        int descriptor;
        std::size_t due_bytes = 0;
    };

    Generator() = default;
    Result<void> learn(std::uint16_t port, const Traffic& traffic);
    Result<void> send_batch(Connection& connection);
    Result<bool> receive(Connection& connection);
    template <class More>
    Result<std::uint64_t> run(More more);

    int epoll_ = -1;
    std::vector<Connection> connections_;
    std::string batch_;
    std::string prefix_;
    std::string room_;
    std::size_t reply_bytes_ = 0;
    std::uint64_t depth_ = 1;
};

}  // namespace penstock::bench
