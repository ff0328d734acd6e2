// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <vector>

#include <bench/traffic.hpp>

namespace penstock::bench {

/// Idle connections to one server, each of which was asked once. Reset when it dies, so that they leave no
/// ports waiting.
class Crowd {
public:
    /// One after the other: none is asked before the one ahead of it has its reply.
    static Result<Crowd> gather(std::uint16_t port, const Traffic& traffic);
    Crowd(Crowd&& other) noexcept;
    Crowd& operator=(Crowd&&) = delete;
    ~Crowd();

    /// None was closed by the server, and none got more than its reply.
    bool is_whole() const;

    /// Connections from one source address: fewer than any usual range of ports holds.
    static constexpr std::size_t per_source_max = 5'000;

private:
    Crowd() = default;
    std::vector<int> connections_;
};

}  // namespace penstock::bench
