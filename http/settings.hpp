// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/limits.hpp>

#include <chrono>

namespace penstock::http {

/// Limits and deadlines of a server's connections.
struct ServerSettings {
    Limits limits{};
    std::chrono::milliseconds head_time_max{10'000};  ///< from the first byte of a head to its last
    std::chrono::milliseconds idle_time_max{60'000};  ///< nothing moves, between requests or in one
};

}  // namespace penstock::http
