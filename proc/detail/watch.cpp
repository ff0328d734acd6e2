// SPDX-License-Identifier: Apache-2.0
#include <penstock/proc/detail/watch.hpp>

#include <algorithm>

namespace penstock::proc::detail {

void Watch::check(unsigned index, const QueueStatus& queue) {
    auto& warned = warned_[index];
    if (warned.run != queue.run) warned.of_run = false;
    if (held_warning_.count() > 0 && queue.holding > held_warning_ && !warned.of_run) {
        log_.warn("a job still holds its queue", {"queue", index}, {"time", queue.holding});
        warned.of_run = true;
        warned.run = queue.run;
    }
    const bool is_late = waiting_warning_.count() > 0 && queue.oldest > waiting_warning_;
    if (is_late && !warned.of_age)
        log_.warn("jobs wait for long", {"queue", index}, {"oldest", queue.oldest}, {"jobs", queue.jobs});
    warned.of_age = is_late;
}

std::chrono::milliseconds Watch::period(const ProcessorSettings& settings) {
    auto shortest = std::chrono::milliseconds::max();
    for (const auto limit : {settings.held_warning, settings.waiting_warning})
        if (limit.count() > 0) shortest = std::min(shortest, limit);
    if (shortest == std::chrono::milliseconds::max()) return {};
    return std::clamp(shortest / 2, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

}  // namespace penstock::proc::detail
