// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/clock.hpp>
#include <penstock/core/field.hpp>
#include <penstock/core/log_ring.hpp>

#include <atomic>
#include <string>
#include <string_view>

namespace penstock::core {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };

std::string_view name(LogLevel level);
/// From its name, as a settings file has it: "debug", "info", "warn", "error" or "off".
Result<LogLevel> parse_log_level(std::string_view text);

/// What the Logs of one Logger share with it.
struct LogGate {
    constexpr explicit LogGate(LogLevel least) : level(least) {}
    virtual void wake() noexcept {}

    std::atomic<LogLevel> level;       ///< lines below it are left out
    std::atomic<bool> asleep = false;  ///< the log thread waits: a warning may wake it

protected:
    ~LogGate() = default;
};

/// Where one thread writes its log lines: a text that stays the same, and up to four fields for what varies.
///
///     log.warn("accept failed", {"peer", address}, {"errno", error});
///
/// A call copies the line into a ring and returns: it never blocks, never allocates, and makes no system call
/// (but for the first warning that finds the log thread asleep). The log thread formats. When the ring is
/// full the line is lost and counted, and a later line tells how many were. Below the level a call costs one
/// relaxed load. Control characters are escaped, so a peer can't forge a line.
///
/// Thread: one writer. Owner: the Logger that opened it; one that is made by itself discards everything.
class Log : Affine {
public:
    /// Longer texts and names are cut, at the last whole UTF-8 character.
    static constexpr std::size_t text_bytes_max = 1024;
    static constexpr std::size_t name_bytes_max = 64;

    Log();

    void debug(std::string_view text, Field a = {}, Field b = {}, Field c = {}, Field d = {}) {
        if (wants(LogLevel::debug)) write(LogLevel::debug, text, {a, b, c, d});
    }
    void info(std::string_view text, Field a = {}, Field b = {}, Field c = {}, Field d = {}) {
        if (wants(LogLevel::info)) write(LogLevel::info, text, {a, b, c, d});
    }
    void warn(std::string_view text, Field a = {}, Field b = {}, Field c = {}, Field d = {}) {
        if (wants(LogLevel::warn)) write(LogLevel::warn, text, {a, b, c, d});
    }
    void error(std::string_view text, Field a = {}, Field b = {}, Field c = {}, Field d = {}) {
        if (wants(LogLevel::error)) write(LogLevel::error, text, {a, b, c, d});
    }

    /// Whether a line of this level would be written: for what is costly to gather.
    bool wants(LogLevel level) const { return level >= gate_->level.load(std::memory_order_relaxed); }

    /// Who speaks: "worker 0".
    const std::string& name() const { return name_; }
    /// Lines that found the ring full. Thread: any.
    std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

private:
    friend class Logger;
    Log(std::string name, const Clock& clock, LogGate& gate, std::size_t ring_bytes);
    void write(LogLevel level, std::string_view text, const Field (&fields)[4]);

    LogGate* gate_;
    const Clock* clock_;
    std::string name_;
    std::unique_ptr<LogRing> ring_;        // null: everything is discarded
    std::atomic<std::uint64_t> lost_ = 0;  // one writer
};

}  // namespace penstock::core

namespace penstock {
using core::Log;
using core::LogLevel;
}  // namespace penstock
