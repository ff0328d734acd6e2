// SPDX-License-Identifier: Apache-2.0
// The floor of timers: a hashed wheel, and no loop around it.
#include <bench/peers/hashed_wheel.hpp>
#include <bench/peers/timer_run.hpp>

namespace {

using namespace penstock::bench;

class BareTimers {
public:
    explicit BareTimers(std::size_t count) : timers_(count) {
        for (auto& timer : timers_) timer.fire = [](HashedWheel::Timer&) { fired(); };
    }

    void arm(std::size_t i, std::uint32_t ms) { wheel_.arm(timers_[i], ms); }
    void cancel(std::size_t i) { HashedWheel::cancel(timers_[i]); }
    void settle() {}
    void fire_all() { wheel_.advance(static_cast<std::uint64_t>(farthest_delay.count())); }

private:
    HashedWheel wheel_;
    std::vector<HashedWheel::Timer> timers_;
};

}  // namespace

int main(int argc, char** argv) { return timer_main<BareTimers>(argc, argv); }
