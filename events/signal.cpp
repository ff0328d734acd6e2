// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/signal.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>

#include <sys/signalfd.h>

namespace penstock::events {
namespace {

sigset_t set_of(std::initializer_list<int> numbers) {
    sigset_t out;
    ::sigemptyset(&out);
    for (const int number : numbers) ::sigaddset(&out, number);
    return out;
}

}  // namespace

void Signals::block(std::initializer_list<int> numbers) {
    const auto set = set_of(numbers);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Result<void> Signals::start(std::initializer_list<int> numbers) {
    const auto set = set_of(numbers);
    Descriptor descriptor(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), Descriptor::Kind::other);
    if (!descriptor) return fail(Error::os(errno, "signalfd"));
    if (auto entered = enter(std::move(descriptor)); !entered) return entered;
    backend().arm_receive(*entry_, Backend::credit_unlimited);
    return {};
}

void Signals::on_received(Slice slice) {
    while (slice.size() >= sizeof(signalfd_siginfo) && !is_ended()) {
        signalfd_siginfo info;
        std::memcpy(&info, slice.data(), sizeof info);
        slice.drop(sizeof info);
        on_signal_(static_cast<int>(info.ssi_signo));
    }
}

}  // namespace penstock::events
