// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/backend/poll.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace penstock::events {

namespace {

constexpr int gone = std::numeric_limits<int>::min();  // no number that is left out: see poll_ready

}  // namespace

Result<void> PollBackend::start() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return fail(Error::os(errno, "pipe2"));
    woken_ = Descriptor(ends[0], Descriptor::Kind::other);
    wake_ = Descriptor(ends[1], Descriptor::Kind::other);
    watched_.push_back({.fd = woken_.number(), .events = POLLIN, .revents = 0});
    return {};
}

/// A level is asked for as long as it is not known: see poll_ready.
Result<void> PollBackend::watch(int number, Interest, bool is_new) {
    if (!is_new) return {};
    const auto at = static_cast<std::size_t>(number);
    if (places_.size() <= at) places_.resize(std::max(at + 1, places_.size() * 2));
    places_[at] = watched_.size();
    watched_.push_back({.fd = number, .events = 0, .revents = 0});
    return {};
}

void PollBackend::forget(int number, bool) {
    auto& place = places_[static_cast<std::size_t>(number)];
    watched_[place].fd = gone;
    place = 0;
    has_gone_ = true;
}

void PollBackend::drop_gone() {
    if (!std::exchange(has_gone_, false)) return;
    std::size_t kept = 1;
    for (std::size_t i = 1; i < watched_.size(); ++i) {
        if (watched_[i].fd == gone) continue;
        watched_[kept] = watched_[i];
        const int fd = watched_[kept].fd;
        places_[static_cast<std::size_t>(fd >= 0 ? fd : ~fd)] = kept;
        ++kept;
    }
    watched_.resize(kept);
}

void PollBackend::poll_ready(std::chrono::nanoseconds at_most, Ready& ready) {
    drop_gone();
    for (std::size_t i = 1; i < watched_.size(); ++i) {
        auto& watched = watched_[i];
        const int number = watched.fd >= 0 ? watched.fd : ~watched.fd;
        const auto asked = unknown(number);
        watched.events =
            static_cast<short>((asked.read ? POLLIN | POLLRDHUP : 0) | (asked.write ? POLLOUT : 0));
        watched.fd = watched.events != 0 ? number : ~number;  // negative: left out; hang-ups always come
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    const timespec time{seconds.count(), (at_most - seconds).count()};
    const int count = ::ppoll(watched_.data(), watched_.size(), &time, nullptr);
    PENSTOCK_ASSERT(count >= 0 || errno == EINTR);
    if (count <= 0) return;
    if (watched_[0].revents != 0) {
        std::array<char, 256> bytes;
        while (::read(woken_.number(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size())) {
        }
    }
    for (std::size_t i = 1; i < watched_.size(); ++i) {
        const auto bits = watched_[i].revents;
        if (bits == 0 || watched_[i].fd < 0) continue;
        ready.add(watched_[i].fd, {.read = (bits & POLLIN) != 0, .write = (bits & POLLOUT) != 0},
                  (bits & (POLLHUP | POLLERR | POLLRDHUP | POLLNVAL)) != 0);
    }
}

void PollBackend::wake() noexcept {
    const char byte = 0;
    [[maybe_unused]] const auto put = ::write(wake_.number(), &byte, 1);
}

}  // namespace penstock::events
