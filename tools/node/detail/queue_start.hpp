// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/node/detail/settings.hpp>
#include <penstock/node/detail/site.hpp>
#include <penstock/proc/processor.hpp>

namespace penstock::node {

/// Runs all of them on each queue, and waits until they have returned. Requires a Processor that was just
/// started and does nothing yet. `is_inline`: its queues have no threads, and are stepped here. Thread: its
/// owner's.
Done<void> set_up_queues(proc::Processor& processor, std::vector<QueueSetUp> set_ups, bool is_inline);

}  // namespace penstock::node
