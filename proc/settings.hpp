// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/settings.hpp>

#include <chrono>
#include <cstdint>

namespace penstock::core {
class Logger;
}

namespace penstock::proc {

struct ProcessorSettings {
    std::uint32_t queues = 0;  ///< 0: as many as a Reactor would start workers; else give both one number
    std::uint32_t jobs_max = 1024;             ///< in one queue: waiting, sleeping and running ones together
    core::Milliseconds held_warning{1000};     ///< 0: never
    core::Milliseconds waiting_warning{1000};  ///< 0: never
    bool pin = true;                           ///< each queue to the CPU of its worker
    core::Logger* logger = nullptr;            ///< outlives the processor; null: one of its own, to stderr
};

inline constexpr auto processor_settings = core::table<ProcessorSettings>(
    "processor",
    {
        {"queues", &ProcessorSettings::queues, {0, 4096}, core::at_start, "queue threads; 0: one a worker"},
        {"jobs_max", &ProcessorSettings::jobs_max, {1, 16'777'216}, core::at_start, "jobs in one queue"},
        {"held_warning",
         &ProcessorSettings::held_warning,
         {0ms, 1h},
         core::at_start,
         "a job that holds its queue longer is logged; 0ms: none is"},
        {"waiting_warning",
         &ProcessorSettings::waiting_warning,
         {0ms, 1h},
         core::at_start,
         "a queue whose oldest job waits longer is logged; 0ms: none is"},
        {"pin", &ProcessorSettings::pin, core::at_start, "each queue to the CPU of its worker"},
    });

}  // namespace penstock::proc
