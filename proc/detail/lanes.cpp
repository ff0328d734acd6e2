// SPDX-License-Identifier: Apache-2.0
#include <penstock/proc/detail/lanes.hpp>

#include <algorithm>
#include <utility>

namespace penstock::proc::detail {

void Lanes::push(Job& job) {
    auto& lane = lanes_[static_cast<std::size_t>(job.priority)];
    job.next = nullptr;
    (lane.first == nullptr ? lane.first : lane.last->next) = &job;
    lane.last = &job;
}

void Lanes::push_all(Job* oldest) {
    while (oldest != nullptr) push(*std::exchange(oldest, oldest->next));
}

Lanes::Lane* Lanes::choose() {
    for (auto& lane : lanes_)
        if (lane.first != nullptr && lane.passed >= passes_max) return &lane;
    for (auto at = lanes_.rbegin(); at != lanes_.rend(); ++at)
        if (at->first != nullptr) return &*at;
    return nullptr;
}

Job* Lanes::pop() {
    auto* chosen = choose();
    if (chosen == nullptr) return nullptr;
    for (auto& lane : lanes_)
        if (lane.first != nullptr) ++lane.passed;
    chosen->passed = 0;
    auto* job = chosen->first;
    chosen->first = job->next;
    return job;
}

std::optional<core::TimePoint> Lanes::oldest() const {
    std::optional<core::TimePoint> out;
    for (const auto& lane : lanes_) {
        if (lane.first == nullptr) continue;
        out = out ? std::min(*out, lane.first->since) : lane.first->since;
    }
    return out;
}

}  // namespace penstock::proc::detail
