// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend.hpp>

#include <array>

namespace penstock::events {

/// epoll(7), edge-triggered; wakes by an eventfd.
class EpollBackend final : public ReadinessBackend {
public:
    const char* name() const override { return "epoll"; }
    Result<void> start() override;
    void wake() noexcept override;

private:
    Result<void> watch(int number, Interest interest, bool is_new) override;
    void forget(int number, bool is_closing) override;
    void poll_ready(std::chrono::nanoseconds at_most, Ready& ready) override;

    Descriptor epoll_, wake_;
    bool has_pwait2_ = true;
};

}  // namespace penstock::events
