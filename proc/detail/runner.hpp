// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/proc/detail/counters.hpp>
#include <penstock/proc/detail/lanes.hpp>
#include <penstock/proc/detail/sleepers.hpp>
#include <penstock/proc/intake.hpp>
#include <penstock/proc/queue.hpp>

#include <chrono>
#include <optional>

namespace penstock::proc::detail {

/// Takes the jobs of one Intake and runs them one by one. Thread: the queue's, or whoever steps it.
class Runner {
public:
    struct Parts {
        unsigned index = 0;
        Intake* intake = nullptr;
        const core::Clock* clock = nullptr;
        Log* log = nullptr;
        Counters* counters = nullptr;
        std::chrono::nanoseconds held_warning{0};
        bool is_inline = false;  ///< time stands still while it stops, so "again at once" would never end
    };
    explicit Runner(Parts parts);
    /// Requires is_over().
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    /// Runs one job, or hands one result on. False: nothing is due.
    bool step();
    /// Steps and sleeps until it is over.
    void serve();
    /// It was closed, and all that was in it has ended.
    bool is_over() const { return parts_.intake->is_closed() && parts_.intake->size() == 0; }
    /// All that has come in by now dies.
    void cut();
    std::optional<core::TimePoint> next_due() const;

private:
    /// How long a result waits before it is offered again to an inbox that was full.
    static constexpr std::chrono::milliseconds delivery_pause{1};

    void take_in();
    void notice_close();
    void execute(Job& job);
    Answer call(Job& job);
    void caught(Job& job) noexcept;
    void finish(Job& job);
    void hand_on(Job& job);
    void cut(Job& job);
    void leave_shell(Job& job);

    const Parts parts_;
    Counters& counters_;
    Queue queue_;
    Lanes lanes_;
    Sleepers sleepers_;
    core::TimePoint now_;
    bool knows_closed_ = false;
};

}  // namespace penstock::proc::detail
