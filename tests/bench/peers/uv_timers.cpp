// SPDX-License-Identifier: Apache-2.0
// libuv's timers, in its default loop.
#include <bench/peers/timer_run.hpp>
#include <uv.h>

namespace {

using namespace penstock::bench;

class UvTimers {
public:
    explicit UvTimers(std::size_t count) : timers_(count) {
        for (auto& timer : timers_) uv_timer_init(uv_default_loop(), &timer);
    }

    void arm(std::size_t i, std::uint32_t ms) {
        uv_timer_start(&timers_[i], [](uv_timer_t*) { fired(); }, ms, 0);
    }
    void cancel(std::size_t i) { uv_timer_stop(&timers_[i]); }
    void settle() {}
    void fire_all() { uv_run(uv_default_loop(), UV_RUN_DEFAULT); }  // until none is left

private:
    std::vector<uv_timer_t> timers_;
};

}  // namespace

int main(int argc, char** argv) { return timer_main<UvTimers>(argc, argv); }
