// SPDX-License-Identifier: Apache-2.0
#include <bench/busy_server.hpp>

namespace penstock::bench {

Result<std::unique_ptr<Subject>> BusyServer::start(const Traffic& traffic, const std::string& program,
                                                   const Plan& plan) {
    auto server = ServerProcess::start({program});
    if (!server) return fail(server);
    auto load = Generator::connect(server->port(), traffic);
    if (!load) return fail(load);
    if (const auto warm = load->run_for(plan.warm_up); !warm) return fail(warm);
    return std::unique_ptr<Subject>(new BusyServer(std::move(*server), std::move(*load), plan));
}

Result<Slice> BusyServer::take() {
    using SteadyClock = std::chrono::steady_clock;
    const auto begin = SteadyClock::now();
    const auto used_before = server_.cpu_time();
    if (!used_before) return fail(used_before);
    const auto replies = load_.run_for(plan_.slice);
    if (!replies) return fail(replies);
    const auto used_after = server_.cpu_time();
    if (!used_after) return fail(used_after);
    const std::chrono::duration<double, std::micro> used = *used_after - *used_before;
    const std::chrono::duration<double, std::micro> passed = SteadyClock::now() - begin;
    return Slice{.value = used.count() / static_cast<double>(*replies), .busy = used / passed};
}

}  // namespace penstock::bench
