// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include <bench/host.hpp>
#include <bench/server_process.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

/// In the child: only what is safe after fork.
[[noreturn]] void become(char* const* command, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::setsid();
    if (::getppid() != parent) ::_exit(127);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
    Priority::raise();
    if (!pin_to(server_core)) ::_exit(127);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::execvp(command[0], command);
    ::_exit(127);
}

void add_descendants(pid_t pid, std::vector<pid_t>& out) {
    out.push_back(pid);
    const auto id = std::to_string(pid);
    std::ifstream in("/proc/" + id + "/task/" + id + "/children");
    for (pid_t child; in >> child;) add_descendants(child, out);
}

}  // namespace

ServerProcess::ServerProcess(ServerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), port_(other.port_), clocks_(std::move(other.clocks_)) {}

Result<ServerProcess> ServerProcess::start(std::vector<std::string> command) {
    const auto port = free_port();
    if (!port) return fail(port);
    command.push_back(std::to_string(*port));
    std::vector<char*> arguments;
    for (auto& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto parent = ::getpid();
    const auto pid = ::fork();
    if (pid < 0) return fail(Error::os(errno, "fork"));
    if (pid == 0) become(arguments.data(), parent);
    ServerProcess out(pid, *port);
    if (const auto ready = out.await_ready(); !ready) return fail(ready);
    if (const auto found = out.find_clocks(); !found) return fail(found);
    return out;
}

Result<void> ServerProcess::await_ready() {
    for (const auto end = SteadyClock::now() + start_max; SteadyClock::now() < end;) {
        if (has_ended()) return fail(Error::user(1, "the server ended before it accepted"));
        if (is_interrupted()) return fail(Error::user(1, "interrupted"));
        if (accepts(port_)) return {};
        std::this_thread::sleep_for(5ms);
    }
    return fail(Error::user(1, "the server did not accept in time"));
}

/// nginx accepts as soon as its master has bound the port: its worker may be a moment late.
Result<void> ServerProcess::find_clocks() {
    std::this_thread::sleep_for(100ms);
    std::vector<pid_t> pids;
    add_descendants(pid_, pids);
    for (const auto pid : pids) {
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

bool ServerProcess::has_ended() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
}

void ServerProcess::stop() {
    if (pid_ < 0) return;
    const auto session = pid_;
    ::kill(pid_, SIGTERM);
    for (const auto end = SteadyClock::now() + stop_max; !has_ended() && SteadyClock::now() < end;)
        std::this_thread::sleep_for(2ms);
    if (pid_ > 0) {
        ::kill(-session, SIGKILL);  // and what it started
        ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
}

}  // namespace penstock::bench
