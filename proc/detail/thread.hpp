// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <functional>
#include <string>
#include <thread>

namespace penstock::proc::detail {

/// Starts a thread of this name that no signal is sent to: those are for the threads that wait for them.
Result<std::thread> start_thread(const std::string& name, std::function<void()> body);

/// Of the calling thread.
void pin_to(int cpu);
/// SCHED_BATCH and nice 19, for the calling thread alone: a worker on the same CPU then wakes as if it were
/// alone.
Result<void> lower_priority();

}  // namespace penstock::proc::detail
