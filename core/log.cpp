// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/log.hpp>
#include <penstock/core/log_line.hpp>

#include <array>
#include <utility>

namespace penstock::core {
namespace {

constexpr std::array<std::string_view, 5> level_names{"debug", "info", "warn", "error", "off"};

struct ClosedGate final : LogGate {
    constexpr ClosedGate() : LogGate(LogLevel::off) {}
};
constinit ClosedGate closed_gate;

}  // namespace

std::string_view name(LogLevel level) { return level_names[static_cast<std::size_t>(level)]; }

Result<LogLevel> parse_log_level(std::string_view text) {
    for (std::size_t i = 0; i < level_names.size(); ++i)
        if (level_names[i] == text) return static_cast<LogLevel>(i);
    return fail(Error(Domain::settings, 1, "not a log level: write debug, info, warn, error or off"));
}

Log::Log() : gate_(&closed_gate), clock_(nullptr) {}

Log::Log(std::string name, const Clock& clock, LogGate& gate, std::size_t ring_bytes)
    : gate_(&gate), clock_(&clock), name_(std::move(name)), ring_(std::make_unique<LogRing>(ring_bytes)) {}

void Log::write(LogLevel level, std::string_view text, const Field (&fields)[4]) {
    if (!encode_log_line(*ring_, level, clock_->wall(), text, fields)) {
        lost_.store(lost_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return;
    }
    if (level >= LogLevel::warn && gate_->asleep.load(std::memory_order_relaxed) &&
        gate_->asleep.exchange(false, std::memory_order_relaxed))
        gate_->wake();
}

}  // namespace penstock::core
