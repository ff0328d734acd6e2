// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/log.hpp>

#include <memory>

namespace penstock::core {

struct LogSettings {
    LogLevel level = LogLevel::info;
    std::string file{};                  ///< appended to; empty: standard error
    std::size_t ring_bytes = 64 * 1024;  ///< per Log, see LogRing for the limits
    std::size_t file_bytes_max = 0;      ///< a longer file becomes FILE.1 (file.1.log for file.log); 0: never
    std::size_t old_files_max = 5;       ///< of those, the rest is deleted
};

/// Collects the lines of all Logs and writes them, by one thread of its own, in this form (the time is UTC):
///
///     2026-11-24T10:00:00.123Z info  worker 0: listening on=127.0.0.1:80 name="my node"
///
/// Lines of one Log keep their order; those of different Logs are in order only by their times. A warning or
/// an error wakes the log thread, the rest is out within 50 ms. What can't be written counts as lost; half a
/// line of it may be in the file.
///
/// Thread: synchronized. Its Logs die with it: it outlives the threads that log.
class Logger {
public:
    explicit Logger(LogSettings settings = {});
    /// Flushes.
    ~Logger();
    Logger(const Logger&) = delete;
    Logger& operator=(const Logger&) = delete;

    /// Opens the file and starts the thread; a second start does nothing. Without it the first `open` does
    /// so, and lines go to standard error when the file can't be opened.
    Result<void> start();

    /// A Log for one thread. One of this name that was closed is used again, so restarts don't add up. The
    /// clock outlives the use of the Log; wall times are taken from it.
    Log& open(std::string name, const Clock& clock);
    /// With the system's clock.
    Log& open(std::string name);
    /// The last use by its thread. Nothing is lost; lines that are still waiting are written.
    void close(Log& log);

    void level(LogLevel level);
    LogLevel level() const;

    /// Returns when all that was logged before is written. Blocks: not for workers.
    void flush();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::core
