// SPDX-License-Identifier: Apache-2.0
#include <bench/busy_server.hpp>
#include <bench/holding_server.hpp>
#include <bench/subject.hpp>
#include <bench/timed_program.hpp>

namespace penstock::bench {

Result<std::unique_ptr<Subject>> Subject::make(const Case& test, const std::string& program,
                                               const Plan& plan) {
    if (const auto* cpu = std::get_if<CpuPerReply>(&test.measure))
        return BusyServer::start(cpu->traffic, program, plan);
    if (const auto* memory = std::get_if<MemoryPerConnection>(&test.measure))
        return std::make_unique<HoldingServer>(memory->traffic, program);
    return std::make_unique<TimedProgram>(std::get<OwnTime>(test.measure), program, plan);
}

}  // namespace penstock::bench
