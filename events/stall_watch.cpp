// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend.hpp>
#include <penstock/events/stall_watch.hpp>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <cxxabi.h>

namespace penstock::events {
namespace {

std::string name_of(const std::type_info& type) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> readable(
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
    return status == 0 ? readable.get() : type.name();
}

}  // namespace

StallWatch::StallWatch(const core::Clock& clock, Log& log, Counts& counts, std::chrono::nanoseconds limit)
    : clock_(clock),
      log_(log),
      counts_(counts),
      limit_(limit),
      first_ticks_(core::ticks()),
      first_time_(clock.now()),
      logged_(first_time_ - log_pause) {
    // The counters of all CPUs are faster than one tick a nanosecond, or much slower: at first each is
    // taken for one of the slow ones, and the clock decides.
    if (limit.count() > 0) limit_ticks_ = static_cast<std::uint64_t>(limit.count() / 100);
}

void StallWatch::calibrate(TimePoint now) {
    const auto ticks = core::ticks() - first_ticks_;
    if (limit_ticks_ == never || ticks == 0 || now <= first_time_) return;
    ns_per_tick_ = static_cast<double>((now - first_time_).count()) / static_cast<double>(ticks);
    limit_ticks_ = static_cast<std::uint64_t>(static_cast<double>(limit_.count()) / ns_per_tick_);
}

bool StallWatch::counts_as_stall(std::uint64_t ticks) {
    const auto now = clock_.now();
    calibrate(now);
    if (ticks <= limit_ticks_) return false;
    counts_.stalls.add();
    if (now - logged_ < log_pause) {
        ++unlogged_;
        return false;
    }
    logged_ = now;
    return true;
}

void StallWatch::stalled(std::uint64_t ticks, const EntryOwner& owner) {
    if (!counts_as_stall(ticks)) return;
    log_.warn("a callback held its worker", {"kind", name_of(typeid(owner))}, {"origin", owner.origin()},
              {"for", std::chrono::nanoseconds(nanoseconds(ticks))},
              {"not_logged", std::exchange(unlogged_, 0)});
}

void StallWatch::stalled(std::uint64_t ticks, const char* kind, std::size_t count) {
    if (!counts_as_stall(ticks)) return;
    log_.warn("callbacks held their worker", {"kind", kind}, {"count", count},
              {"for", std::chrono::nanoseconds(nanoseconds(ticks))},
              {"not_logged", std::exchange(unlogged_, 0)});
}

}  // namespace penstock::events
