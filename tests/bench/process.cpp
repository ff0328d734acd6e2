// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include <bench/host.hpp>
#include <bench/process.hpp>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// In the child: only what is safe after fork.
[[noreturn]] void become(char* const* command, pid_t parent, int output) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::setsid();
    if (::getppid() != parent) ::_exit(127);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
    Priority::raise();
    if (!pin_to(server_core)) ::_exit(127);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDIN_FILENO);
    ::dup2(output < 0 ? null : output, STDOUT_FILENO);
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

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Result<Process> Process::start(std::vector<std::string> command, int output) {
    std::vector<char*> arguments;
    for (auto& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto parent = ::getpid();
    const auto pid = ::fork();
    if (pid < 0) return fail(Error::os(errno, "fork"));
    if (pid == 0) become(arguments.data(), parent, output);
    return Process(pid);
}

std::vector<pid_t> Process::pids() const {
    std::vector<pid_t> out;
    if (pid_ > 0) add_descendants(pid_, out);
    return out;
}

bool Process::has_ended() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
}

void Process::stop() {
    if (pid_ < 0) return;
    const auto session = pid_;
    ::kill(pid_, SIGTERM);
    for (const auto end = SteadyClock::now() + stop_max; !has_ended() && SteadyClock::now() < end;)
        std::this_thread::sleep_for(2ms);
    if (pid_ > 0) {
        ::kill(-session, SIGKILL);  // and what it started
        ::waitpid(pid_, &status_, 0);
    }
    pid_ = -1;
}

}  // namespace penstock::bench
