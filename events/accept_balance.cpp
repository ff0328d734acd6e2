// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/accept_balance.hpp>
#include <penstock/events/worker.hpp>

#include <algorithm>

namespace penstock::events {

std::size_t AcceptBalance::held(std::size_t at) const {
    const auto& gauges = *workers_[at];
    return gauges.sockets.load(std::memory_order_relaxed) + gauges.coming.load(std::memory_order_relaxed);
}

std::size_t AcceptBalance::place(std::size_t self) {
    constexpr int tries_max = 4;  // others may choose the same at the same time
    for (int tries = 0; tries < tries_max; ++tries) {
        std::size_t least = self, least_held = held(self), all = 0;
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            const auto count = held(i);
            all += count;
            if (count < least_held) {
                least = i;
                least_held = count;
            }
        }
        const auto slack = std::max(slack_min, all / workers_.size() / slack_divisor);
        if (held(self) < least_held + slack) return self;
        auto& coming = workers_[least]->coming;
        const auto others = coming.fetch_add(1, std::memory_order_relaxed);
        if (workers_[least]->sockets.load(std::memory_order_relaxed) + others <= least_held) return least;
        coming.fetch_sub(1, std::memory_order_relaxed);
    }
    return self;
}

void AcceptBalance::arrived(std::size_t at) { workers_[at]->coming.fetch_sub(1, std::memory_order_relaxed); }

}  // namespace penstock::events
