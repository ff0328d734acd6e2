// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <cstdint>

namespace penstock::proc {

/// Why a job has no result of its own.
enum class Code : std::uint8_t {
    full = 1,     ///< the queue holds as many jobs as it may; try later, or answer "busy"
    stopped = 2,  ///< the processor does not take jobs, or stopped before this one's end
    thrown = 3,   ///< the job threw; the queue's log says what
};

/// Domain proc.
constexpr Error error(Code code) {
    const char* text = code == Code::full      ? "the queue is full"
                       : code == Code::stopped ? "the processor has stopped"
                                               : "the job threw";
    return {core::Domain::proc, static_cast<int>(code), text};
}
constexpr bool is(const Error& got, Code code) { return got == error(code); }

/// Requires full or stopped.
constexpr Error error(Posted refused) { return error(refused == Posted::full ? Code::full : Code::stopped); }

}  // namespace penstock::proc
