// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend.hpp>

#include <vector>

#include <poll.h>

namespace penstock::events {

/// poll(2): wherever there are descriptors at all. A wait costs time in proportion to the number of
/// descriptors. Wakes by a pipe.
class PollBackend final : public ReadinessBackend {
public:
    const char* name() const override { return "poll"; }
    Result<void> start() override;
    void wake() noexcept override;

private:
    Result<void> watch(int number, Interest interest, bool is_new) override;
    void forget(int number, bool is_closing) override;
    void poll_ready(std::chrono::nanoseconds at_most, Ready& ready) override;
    void drop_gone();

    std::vector<pollfd> watched_;      // the first is the pipe
    std::vector<std::size_t> places_;  // in watched_, by number; 0: none
    Descriptor wake_, woken_;
    bool has_gone_ = false;
};

}  // namespace penstock::events
