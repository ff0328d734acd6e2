// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/proc/job.hpp>

#include <array>
#include <optional>

namespace penstock::proc::detail {

/// Jobs that are due, by priority. The highest one runs first; but a lane that was passed over `passes_max`
/// times in a row has its turn, the lowest such lane before the others. Thread: the queue's.
class Lanes {
public:
    static constexpr unsigned passes_max = 8;

    void push(Job& job);
    /// Of one priority, linked by next.
    void push_all(Job* oldest);
    /// Null: none is due.
    Job* pop();
    std::optional<core::TimePoint> oldest() const;

private:
    struct Lane {
        Job* first = nullptr;
        Job* last = nullptr;
        unsigned passed = 0;
    };
    Lane* choose();

    std::array<Lane, priorities> lanes_;
};

}  // namespace penstock::proc::detail
