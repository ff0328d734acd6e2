// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <thread>

#include <bench/host.hpp>
#include <bench/server_process.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
}

/// One that nobody has now.
Result<std::uint16_t> free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return fail(Error::os(errno, "socket"));
    auto name = loopback(0);
    socklen_t length = sizeof name;
    const bool ok = ::bind(probe, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 &&
                    ::getsockname(probe, reinterpret_cast<sockaddr*>(&name), &length) == 0;
    const int error = errno;
    ::close(probe);
    if (!ok) return fail(Error::os(error, "a free port"));
    return ntohs(name.sin_port);
}

bool accepts(std::uint16_t port) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return false;
    const auto to = loopback(port);
    const bool ok = ::connect(probe, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    ::close(probe);
    return ok;
}

}  // namespace

Result<ServerProcess> ServerProcess::start(std::vector<std::string> command) {
    const auto port = free_port();
    if (!port) return fail(port);
    command.push_back(std::to_string(*port));
    auto process = Process::start(std::move(command));
    if (!process) return fail(process);
    ServerProcess out(std::move(*process), *port);
    if (const auto ready = out.await_ready(); !ready) return fail(ready);
    if (const auto found = out.find_clocks(); !found) return fail(found);
    return out;
}

Result<void> ServerProcess::await_ready() {
    for (const auto end = SteadyClock::now() + start_max; SteadyClock::now() < end;) {
        if (process_.has_ended()) return fail(Error::user(1, "the server ended before it accepted"));
        if (is_interrupted()) return fail(Error::user(1, "interrupted"));
        if (accepts(port_)) return {};
        std::this_thread::sleep_for(5ms);
    }
    return fail(Error::user(1, "the server did not accept in time"));
}

/// nginx accepts as soon as its master has bound the port: its worker may be a moment late.
Result<void> ServerProcess::find_clocks() {
    std::this_thread::sleep_for(100ms);
    for (const auto pid : process_.pids()) {
        clockid_t clock;
        if (const int error = ::clock_getcpuclockid(pid, &clock); error != 0)
            return fail(Error::os(error, "clock_getcpuclockid"));
        clocks_.push_back(clock);
    }
    return {};
}

Result<std::chrono::nanoseconds> ServerProcess::cpu_time() const {
    std::chrono::nanoseconds out{0};
    for (const auto clock : clocks_) {
        timespec used{};
        if (::clock_gettime(clock, &used) < 0) return fail(Error::os(errno, "the server's CPU clock"));
        out += std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
    }
    return out;
}

Result<std::uint64_t> ServerProcess::memory_bytes() const {
    const auto pids = process_.pids();
    if (pids.empty()) return fail(Error::user(1, "the server has ended"));
    std::uint64_t out = 0;
    for (const auto pid : pids) {
        std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
        const auto bytes = anonymous_bytes(std::string{std::istreambuf_iterator<char>(in), {}});
        if (!bytes) return fail(bytes);
        out += *bytes;
    }
    return out;
}

Result<std::uint64_t> anonymous_bytes(std::string_view file) {
    constexpr auto bad = [] { return fail(Error::user(1, "smaps_rollup does not tell the memory")); };
    constexpr std::string_view label = "\nAnonymous:", unit = " kB";
    const auto at = file.find(label);
    if (at == std::string_view::npos) return bad();
    file.remove_prefix(at + label.size());
    file.remove_prefix(std::min(file.find_first_not_of(' '), file.size()));
    std::uint64_t kilobytes = 0;
    const auto [end, error] = std::from_chars(file.data(), file.data() + file.size(), kilobytes);
    file.remove_prefix(static_cast<std::size_t>(end - file.data()));
    if (error != std::errc() || kilobytes > UINT64_MAX / 1024 || !file.starts_with(unit)) return bad();
    return kilobytes * 1024;
}

}  // namespace penstock::bench
