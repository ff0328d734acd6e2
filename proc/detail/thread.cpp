// SPDX-License-Identifier: Apache-2.0
#include <penstock/proc/detail/thread.hpp>

#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

namespace penstock::proc::detail {

Result<std::thread> start_thread(const std::string& name, std::function<void()> body) {
    sigset_t every, before;
    sigfillset(&every);
    ::pthread_sigmask(SIG_SETMASK, &every, &before);
    std::thread thread;
    std::optional<Error> refused;
    try {
        thread = std::thread(std::move(body));
        ::pthread_setname_np(thread.native_handle(), name.c_str());
    } catch (const std::system_error& error) {
        refused = Error::os(error.code().value(), "start a queue's thread");
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (refused) return fail(*refused);
    return thread;
}

void pin_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

Result<void> lower_priority() {
    const sched_param parameter{};
    if (const int refused = ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &parameter); refused != 0)
        return fail(Error::os(refused, "SCHED_BATCH"));
    // Linux: 0 is the calling thread, not its process.
    if (::setpriority(PRIO_PROCESS, 0, 19) != 0) return fail(Error::os(errno, "nice 19"));
    return {};
}

}  // namespace penstock::proc::detail
