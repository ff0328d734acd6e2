// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

namespace penstock::bench {

/// A round trip below this says that the two cores share a cache now; the far placement is several times it.
inline constexpr std::chrono::nanoseconds near_max{250};

/// How long a cache line takes from the calling thread's core to the server's and back, as the median over
/// batches within `duration`. The caller is on the load's core and the server is at rest. Empty: the other
/// core never answered, because something else had it all the time.
std::optional<std::chrono::nanoseconds> ping_pong(std::chrono::nanoseconds duration);

/// False also when there was no answer.
bool is_near(std::chrono::nanoseconds duration);

}  // namespace penstock::bench
