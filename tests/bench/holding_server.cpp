// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <bench/crowd.hpp>
#include <bench/holding_server.hpp>
#include <bench/server_process.hpp>

namespace penstock::bench {
namespace {

using namespace std::chrono_literals;

/// After which a server has freed what it frees at the end of a turn.
constexpr auto rest = 50ms;

Result<double> memory_at_rest(const ServerProcess& server) {
    std::this_thread::sleep_for(rest);
    const auto bytes = server.memory_bytes();
    if (!bytes) return fail(bytes);
    return static_cast<double>(*bytes);
}

}  // namespace

Result<Slice> HoldingServer::take() {
    auto server = ServerProcess::start({program_});
    if (!server) return fail(server);
    auto first = traffic_;
    first.connections = 1;
    if (const auto asked = Crowd::gather(server->port(), first); !asked) return fail(asked);
    const auto before = memory_at_rest(*server);
    if (!before) return fail(before);
    const auto crowd = Crowd::gather(server->port(), traffic_);
    if (!crowd) return fail(crowd);
    const auto held = memory_at_rest(*server);
    if (!held) return fail(held);
    if (!crowd->is_whole()) return fail(Error::user(1, "the server does not hold all its connections"));
    return Slice{.value = (*held - *before) / traffic_.connections};
}

}  // namespace penstock::bench
