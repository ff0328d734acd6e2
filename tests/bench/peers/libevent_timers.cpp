// SPDX-License-Identifier: Apache-2.0
// libevent's timers, in a loop without locks. They are armed inside a callback, as programs do: there the
// loop has the time already.
#include <bench/peers/timer_run.hpp>
#include <event2/event.h>
#include <event2/event_struct.h>

namespace {

using namespace penstock::bench;

class LibeventTimers {
public:
    explicit LibeventTimers(std::size_t count) : base_(event_base_new()), timers_(count) {
        if (base_ == nullptr) refuse("event_base_new");
        for (auto& timer : timers_)
            evtimer_assign(&timer, base_, [](evutil_socket_t, short, void*) { fired(); }, nullptr);
    }
    LibeventTimers(const LibeventTimers&) = delete;
    LibeventTimers& operator=(const LibeventTimers&) = delete;
    ~LibeventTimers() { event_base_free(base_); }

    void arm(std::size_t i, std::uint32_t ms) {
        const timeval after{.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
        evtimer_add(&timers_[i], &after);
    }
    void cancel(std::size_t i) { evtimer_del(&timers_[i]); }
    void settle() {}
    void fire_all() { event_base_dispatch(base_); }  // until none is left

    template <class Call>
    void run_inside(Call call) {
        event_base_once(
            base_, -1, EV_TIMEOUT,
            [](evutil_socket_t, short, void* context) { (*static_cast<Call*>(context))(); }, &call, nullptr);
        event_base_loop(base_, EVLOOP_ONCE);
    }

private:
    event_base* base_;
    std::vector<event> timers_;
};

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = timer_arguments(argc, argv);
    LibeventTimers timers(arguments.timers());
    switch (arguments.step) {
        case TimerStep::arm_cancel:
            timers.run_inside([&] { time_arm_cancel(timers, arguments.duration); });
            break;
        case TimerStep::re_arm: timers.run_inside([&] { time_re_arm(timers, arguments.duration); }); break;
        case TimerStep::fire: time_fire(timers, arguments.duration); break;
    }
}
