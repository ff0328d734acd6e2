// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <ctime>

#include <bench/peers/virtual_time.hpp>
#include <dlfcn.h>

namespace {

std::atomic<long> passed_seconds{0};

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    using Call = int (*)(clockid_t, timespec*);
    static const auto real = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "clock_gettime"));
    const int out = real(clock, time);
    if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
        time->tv_sec += passed_seconds.load(std::memory_order_relaxed);
    return out;
}

namespace penstock::bench {

void pass_time(std::chrono::milliseconds time) {
    passed_seconds += std::chrono::ceil<std::chrono::seconds>(time).count();
}

}  // namespace penstock::bench
