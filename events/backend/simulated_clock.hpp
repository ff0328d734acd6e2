// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>

#include <chrono>

namespace penstock::events {

using core::TimePoint;

/// A clock that somebody turns. Its calendar starts on 2026-01-01.
class VirtualClock final : public core::Clock {
public:
    TimePoint now() const override { return now_; }
    core::WallTime wall() const override {
        return core::WallTime(std::chrono::seconds(1'767'225'600)) +
               std::chrono::duration_cast<core::WallTime::duration>(now_ - start);
    }
    void turn_to(TimePoint time) { now_ = time; }
    static constexpr TimePoint start{std::chrono::hours(1)};

private:
    TimePoint now_ = start;
};

}  // namespace penstock::events
