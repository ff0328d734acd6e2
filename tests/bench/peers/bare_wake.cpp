// SPDX-License-Identifier: Apache-2.0
// The floor of a wake-up: a write to an eventfd, and epoll, for which each write is an edge.
#include <bench/peers/port.hpp>
#include <bench/peers/wake_run.hpp>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int main(int argc, char** argv) {
    using namespace penstock::bench;
    WakeRun run(argc, argv);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = wake}};
    if (epoll < 0 || wake < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) < 0) give_up("eventfd");
    run.start([wake] {
        const std::uint64_t one = 1;
        if (::write(wake, &one, sizeof one) < 0) give_up("write");
    });
    do
        if (::epoll_wait(epoll, &event, 1, -1) != 1) give_up("epoll_wait");
    while (!run.answer());
    run.finish();
}
