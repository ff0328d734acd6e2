// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace penstock::events {

using core::TimePoint;

/// At which times a descriptor of the simulated network must be looked at again, because something will have
/// arrived or become due there by then. Entries of the same time come in the order in which they were added.
class SimulatedAgenda {
public:
    void add(TimePoint at, int number) {
        heap_.push_back({at, order_++, number});
        std::ranges::push_heap(heap_, later);
    }
    std::optional<TimePoint> next() const {
        if (heap_.empty()) return {};
        return heap_.front().at;
    }
    /// One that is due.
    std::optional<int> take(TimePoint now) {
        if (heap_.empty() || heap_.front().at > now) return {};
        return take_first();
    }
    /// The first one, whenever that is; requires that there is one.
    int take_first() {
        std::ranges::pop_heap(heap_, later);
        const int number = heap_.back().number;
        heap_.pop_back();
        return number;
    }
    /// Requires next().
    int first() const { return heap_.front().number; }

private:
    struct Look {
        TimePoint at;
        std::uint64_t order;
        int number;
    };
    static bool later(const Look& a, const Look& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
    std::vector<Look> heap_;
    std::uint64_t order_ = 0;
};

}  // namespace penstock::events
