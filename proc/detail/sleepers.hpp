// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/proc/job.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace penstock::proc::detail {

/// Jobs that are to run later, the next one first; equal times keep their order. Its room grows to the most
/// that ever slept, and stays. Thread: the queue's.
class Sleepers {
public:
    void push(Job& job, core::TimePoint due) {
        heap_.push_back({due, order_++, &job});
        std::ranges::push_heap(heap_, later);
    }
    std::optional<core::TimePoint> next() const {
        if (heap_.empty()) return {};
        return heap_.front().due;
    }
    /// The next one, if it is due; it waits since then. Else null.
    Job* pop_due(core::TimePoint now) {
        if (heap_.empty() || heap_.front().due > now) return nullptr;
        std::ranges::pop_heap(heap_, later);
        auto* job = heap_.back().job;
        job->since = heap_.back().due;
        heap_.pop_back();
        return job;
    }
    /// Takes out all for which `ends` says so: it has given the job up.
    template <class F>
    void remove_if(F ends) {
        std::erase_if(heap_, [&](const Sleeper& sleeper) { return ends(*sleeper.job); });
        std::ranges::make_heap(heap_, later);
    }

private:
    struct Sleeper {
        core::TimePoint due;
        std::uint64_t order;
        Job* job;
    };
    static bool later(const Sleeper& a, const Sleeper& b) {
        return a.due != b.due ? a.due > b.due : a.order > b.order;
    }

    std::vector<Sleeper> heap_;
    std::uint64_t order_ = 0;
};

}  // namespace penstock::proc::detail
