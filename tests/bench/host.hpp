// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <string>

#include <bench/cores.hpp>

namespace penstock::bench {

/// The calling thread, and what it starts from now on.
Result<void> pin_to(int core);

/// Until the next one dies, this session's group of processes goes before others on the same cores: groups
/// share the CPU first, so a nice value alone would protect nothing from a build that runs beside.
class Priority {
public:
    Priority();
    ~Priority();
    Priority(const Priority&) = delete;
    Priority& operator=(const Priority&) = delete;
    bool is_raised() const { return raised_; }

    /// For a fresh session, as a server's: safe between fork and exec. False where it is not allowed.
    static bool raise();

private:
    std::string before_;
    bool raised_ = false;
};

/// As many descriptors as this process may have, for it and what it starts from now on.
void raise_descriptor_limit();

/// SIGINT and SIGTERM only set a flag from here on, so that servers are stopped and the priority is restored.
void watch_interrupts();
bool is_interrupted();

/// One line: processor, kernel, congestion control (the default of both ends; it is not changed).
std::string host_text();

}  // namespace penstock::bench
