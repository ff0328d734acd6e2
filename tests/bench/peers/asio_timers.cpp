// SPDX-License-Identifier: Apache-2.0
// Boost.Asio's steady_timer, in a loop without locks, with the executor's own type. Deadlines are absolute,
// so the clock is not read to arm. A cancelled wait is completed by the loop, which belongs to the
// cancelling.
#include <bench/peers/timer_run.hpp>
#include <boost/asio.hpp>

namespace {

using namespace penstock::bench;
namespace asio = boost::asio;
using Failure = boost::system::error_code;

class AsioTimers {
public:
    explicit AsioTimers(std::size_t count) : at_once_(context_) {
        timers_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) timers_.emplace_back(context_);
    }

    void arm(std::size_t i, std::uint32_t ms) {
        auto& timer = timers_[i];
        timer.expires_at(now_ + std::chrono::milliseconds(ms));
        timer.async_wait([](Failure failure) {
            if (!failure) fired();
        });
    }
    void cancel(std::size_t i) { timers_[i].cancel(); }
    void settle() {
        context_.restart();
        context_.poll();
    }
    void fire_all() {
        // The loop waits for a timer of the kernel, which knows nothing of virtual time: one more deadline,
        // already past, makes it look at its clock.
        at_once_.expires_at(SteadyClock::time_point());
        at_once_.async_wait([](Failure) {});
        context_.restart();
        context_.run();
        now_ = SteadyClock::now();
    }

private:
    using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>,
                                             asio::io_context::executor_type>;

    asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
    Timer at_once_;
    std::vector<Timer> timers_;
    SteadyClock::time_point now_ = SteadyClock::now();
};

}  // namespace

int main(int argc, char** argv) { return timer_main<AsioTimers>(argc, argv); }
