// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace penstock::events {

struct WorkerGauges;

/// Which worker a fresh connection goes to. The kernel deals them out by chance (SO_REUSEPORT): a worker that
/// holds `slack` more than the one that holds least hands it over. Shared by the workers of a reactor, set
/// while they start. Thread: any.
class AcceptBalance {
public:
    /// How many more than the least a worker may hold: a sixteenth of the mean, and at least this.
    static constexpr std::size_t slack_min = 2, slack_divisor = 16;

    explicit AcceptBalance(std::vector<WorkerGauges*> workers) : workers_(std::move(workers)) {}

    /// Of the worker `self`, for one more: itself, or the one that it should go to, for which it then counts
    /// as coming. It is to say so by arrived() there.
    std::size_t place(std::size_t self);
    void arrived(std::size_t at);

private:
    std::size_t held(std::size_t at) const;
    const std::vector<WorkerGauges*> workers_;
};

}  // namespace penstock::events
