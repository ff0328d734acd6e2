// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/backend/epoll.hpp>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace penstock::events {

Result<void> EpollBackend::start() {
    epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC), Descriptor::Kind::other);
    if (!epoll_) return fail(Error::os(errno, "epoll_create1"));
    wake_ = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), Descriptor::Kind::other);
    if (!wake_) return fail(Error::os(errno, "eventfd"));
    return watch(wake_.number(), {.read = true}, true);
}

Result<void> EpollBackend::watch(int number, Interest interest, bool is_new) {
    epoll_event event{};
    event.events = EPOLLET | EPOLLRDHUP | (interest.read ? EPOLLIN : 0u) | (interest.write ? EPOLLOUT : 0u);
    event.data.fd = number;
    if (::epoll_ctl(epoll_.number(), is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, number, &event) == 0) return {};
    return fail(Error::os(errno, "epoll_ctl"));
}

void EpollBackend::forget(int number, bool is_closing) {
    if (!is_closing) ::epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, number, nullptr);
}

void EpollBackend::poll_ready(std::chrono::nanoseconds at_most, Ready& ready) {
    constexpr std::chrono::milliseconds longest(std::numeric_limits<int>::max());
    std::array<epoll_event, 256> events;
    int count = 0;
    if (at_most.count() > 0 && has_pwait2_) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
        const timespec time{seconds.count(), (at_most - seconds).count()};
        count = ::epoll_pwait2(epoll_.number(), events.data(), events.size(), &time, nullptr);
        if (count < 0 && errno == ENOSYS) has_pwait2_ = false;
    }
    if (at_most.count() == 0 || !has_pwait2_) {  // before Linux 5.11: whole milliseconds, rounded up
        const auto time = std::min(std::chrono::ceil<std::chrono::milliseconds>(at_most), longest);
        count = ::epoll_wait(epoll_.number(), events.data(), events.size(), static_cast<int>(time.count()));
    }
    PENSTOCK_ASSERT(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        const auto bits = event.events;
        if (event.data.fd == wake_.number()) continue;  // each write is an edge: nothing to read
        ready.add(event.data.fd, {.read = (bits & EPOLLIN) != 0, .write = (bits & EPOLLOUT) != 0},
                  (bits & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0);
    }
}

void EpollBackend::wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto put = ::write(wake_.number(), &one, sizeof one);
}

}  // namespace penstock::events
