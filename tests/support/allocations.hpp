// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock::test {

/// False under sanitizers, which bring an allocator of their own.
extern const bool allocations_are_counted;

/// Calls of malloc, calloc, realloc, operator new and their like so far in all threads but the first (main),
/// where the test itself runs.
std::uint64_t allocations_of_other_threads();

/// Likewise of the calling thread.
std::uint64_t allocations_of_this_thread();

}  // namespace penstock::test
