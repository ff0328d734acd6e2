// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <thread>

#include <bench/host.hpp>
#include <bench/output.hpp>
#include <bench/process.hpp>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto bad(const char* text) { return fail(Error::user(1, text)); }

/// Until the end of what comes out of `pipe`.
Result<std::string> read_all(int pipe, SteadyClock::time_point end) {
    std::string out;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SteadyClock::now());
        pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
        const int ready = left > 0ms ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
        if (is_interrupted()) return bad("interrupted");
        if (ready == 0) return bad("the program did not end in time");
        if (ready < 0 && errno != EINTR) return fail(Error::os(errno, "poll"));
        if (ready < 0) continue;
        std::array<char, 4096> room;
        const auto count = ::read(pipe, room.data(), room.size());
        if (count < 0) return fail(Error::os(errno, "the program's output"));
        if (count == 0) return out;
        out.append(room.data(), static_cast<std::size_t>(count));
        if (out.size() > output_bytes_max) return bad("the program prints without end");
    }
}

}  // namespace

Result<std::string> output_of(const std::vector<std::string>& command, std::chrono::milliseconds at_most) {
    const auto end = SteadyClock::now() + at_most;
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) < 0) return fail(Error::os(errno, "pipe2"));
    auto process = Process::start(command, pipe[1]);
    ::close(pipe[1]);
    auto out = process ? read_all(pipe[0], end) : Result<std::string>(fail(process));
    ::close(pipe[0]);
    if (!out) return out;
    while (!process->has_ended()) {
        if (SteadyClock::now() >= end) return bad("the program did not end in time");
        std::this_thread::sleep_for(1ms);
    }
    if (!process->has_succeeded()) return bad("the program failed");
    return out;
}

}  // namespace penstock::bench
