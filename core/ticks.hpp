// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#elif !defined(__aarch64__)
#include <chrono>
#endif

namespace penstock::core {

/// The CPU's own counter, in a few nanoseconds: of a constant rate that nobody tells. For differences alone;
/// what they are in time, a Clock must be asked (see StallWatch).
inline std::uint64_t ticks() {
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    std::uint64_t out;
    asm volatile("mrs %0, cntvct_el0" : "=r"(out));
    return out;
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

}  // namespace penstock::core
