// SPDX-License-Identifier: Apache-2.0
#include <bench/case.hpp>
#include <bench/text.hpp>

namespace penstock::bench {

const char* Case::measured_in() const {
    if (std::holds_alternative<CpuPerReply>(measure)) return "us";
    return std::holds_alternative<OwnTime>(measure) ? "ns" : "B";
}

std::string Case::measured() const {
    const std::string one(unit);
    if (const auto* cpu = std::get_if<CpuPerReply>(&measure))
        return text("CPU of the server in us a %s, %d connections", one.c_str(), cpu->traffic.connections);
    if (const auto* memory = std::get_if<MemoryPerConnection>(&measure))
        return text("private memory of the server in B a %s, %d held", one.c_str(),
                    memory->traffic.connections);
    return text("time in ns a %s", one.c_str());
}

bool Case::crosses_cores() const {
    if (const auto* own = std::get_if<OwnTime>(&measure)) return own->crosses_cores;
    return std::holds_alternative<CpuPerReply>(measure);
}

const Traffic* Case::traffic() const {
    if (const auto* cpu = std::get_if<CpuPerReply>(&measure)) return &cpu->traffic;
    if (const auto* memory = std::get_if<MemoryPerConnection>(&measure)) return &memory->traffic;
    return nullptr;
}

}  // namespace penstock::bench
