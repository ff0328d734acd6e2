// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>

#include <bench/host.hpp>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace penstock::bench {
namespace {

constexpr const char* autogroup_path = "/proc/self/autogroup";
std::atomic<bool> interrupted = false;

bool write_autogroup(std::string_view nice) {
    const int file = ::open(autogroup_path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    const auto written = ::write(file, nice.data(), nice.size());
    ::close(file);
    return written == static_cast<ssize_t>(nice.size());
}

std::string first_line(const char* path) {
    std::ifstream in(path);
    std::string out;
    std::getline(in, out);
    return out;
}

std::string processor_text() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown processor";
}

}  // namespace

Result<void> pin_to(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(core), &set);
    if (::sched_setaffinity(0, sizeof set, &set) < 0) return fail(Error::os(errno, "sched_setaffinity"));
    return {};
}

bool Priority::raise() { return write_autogroup("-20"); }

Priority::Priority() {
    const auto line = first_line(autogroup_path);  // "/autogroup-5 nice 0"
    if (const auto at = line.rfind(' '); at != std::string::npos) before_ = line.substr(at + 1);
    raised_ = !before_.empty() && raise();
}

Priority::~Priority() {
    if (raised_) write_autogroup(before_);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void watch_interrupts() {
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted.store(true, std::memory_order_relaxed); };
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

bool is_interrupted() { return interrupted.load(std::memory_order_relaxed); }

std::string host_text() {
    utsname kernel{};
    ::uname(&kernel);
    return processor_text() + ", Linux " + kernel.release + ", congestion control " +
           first_line("/proc/sys/net/ipv4/tcp_congestion_control");
}

}  // namespace penstock::bench
