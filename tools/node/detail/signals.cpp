// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/signals.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

namespace penstock::node {

struct StopSignals::State {
    sigset_t numbers, before;
    enum class Phase : std::uint8_t { waits, called, ends };
    std::atomic<Phase> phase = Phase::waits;
    std::thread thread;
};

StopSignals::StopSignals() : state_(std::make_unique<State>()) {
    ::sigemptyset(&state_->numbers);
    ::sigaddset(&state_->numbers, SIGINT);
    ::sigaddset(&state_->numbers, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &state_->numbers, &state_->before);
}

StopSignals::~StopSignals() {
    if (state_->thread.joinable()) {
        if (state_->phase.exchange(State::Phase::ends) == State::Phase::waits)
            ::pthread_kill(state_->thread.native_handle(), SIGINT);  // that it waits for: it wakes up
        state_->thread.join();
    }
    ::pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
}

void StopSignals::start(std::function<void()> on_signal) {
    state_->thread = std::thread([state = state_.get(), call = std::move(on_signal)] {
        int number = 0;
        ::sigwait(&state->numbers, &number);
        if (state->phase.exchange(State::Phase::called) == State::Phase::waits) call();
    });
}

bool StopSignals::another(std::chrono::nanoseconds at_most) const {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at_most);
    const timespec time{static_cast<time_t>(seconds.count()), static_cast<long>((at_most - seconds).count())};
    return ::sigtimedwait(&state_->numbers, nullptr, &time) > 0;
}

void StopSignals::let_through() const { ::pthread_sigmask(SIG_UNBLOCK, &state_->numbers, nullptr); }

}  // namespace penstock::node
