// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <bench/cores.hpp>
#include <pthread.h>
#include <sched.h>

// What programs that time themselves share: their arguments, what they print, and the other core.

namespace penstock::bench {

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] inline void usage_error(char** argv, const char* usage) {
    std::fprintf(stderr, "usage: %s %s\n", argv[0], usage);
    std::exit(2);
}

/// Ends the process when the argument is missing or no number above zero.
inline std::uint32_t number_argument(int argc, char** argv, int at, const char* usage) {
    std::uint32_t out = 0;
    if (at < argc) {
        const std::string_view word = argv[at];
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
        if (error == std::errc() && end == word.data() + word.size() && out != 0) return out;
    }
    usage_error(argv, usage);
}

inline void print_figure(const char* figure, double nanoseconds) {
    std::printf("%s %.6g\n", figure, nanoseconds);
}

inline double nanoseconds(SteadyClock::duration duration) {
    return std::chrono::duration<double, std::nano>(duration).count();
}

/// Ends the process: a time taken of a run that went wrong must not be used.
[[noreturn]] inline void refuse(const char* why) {
    std::fprintf(stderr, "error: %s\n", why);
    std::exit(1);
}

/// For the calling thread, what has the load's place: the other side of the one that is measured.
inline void move_to_load_core() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(load_core), &set);
    if (::pthread_setaffinity_np(::pthread_self(), sizeof set, &set) != 0) refuse("no second core");
}

/// A moment in which a thread that spins leaves the core's other users alone.
inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace penstock::bench
