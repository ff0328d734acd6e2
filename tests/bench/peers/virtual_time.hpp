// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace penstock::bench {

/// From now on the monotonic clock of this whole process is so much later: the program's clock_gettime goes
/// before the C library's, for every library that asks by it. So all loops can be shown the same deadlines,
/// minutes away, and then the same moment at which all are due.
void pass_time(std::chrono::milliseconds time);

}  // namespace penstock::bench
