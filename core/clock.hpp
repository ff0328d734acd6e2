// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace penstock::core {

using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// Where time comes from: the system's, or a simulation's. Passed, never found. Thread: any.
class Clock {
public:
    virtual ~Clock() = default;
    /// Monotonic: for deadlines.
    virtual TimePoint now() const = 0;
    /// Calendar time: for certificates, dates and logs; it may jump.
    virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
public:
    TimePoint now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace penstock::core

namespace penstock {
using namespace std::chrono_literals;
}
