// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>

namespace penstock::bench {

/// A reactor of one worker, whose log tells only errors: to its watch for stalls, a leap of virtual time is
/// one.
class OneWorker {
public:
    Reactor& reactor() { return reactor_; }

private:
    core::Logger logger_{{.level = core::LogLevel::error}};
    Reactor reactor_{{.workers = 1, .logger = &logger_}};
};

}  // namespace penstock::bench
