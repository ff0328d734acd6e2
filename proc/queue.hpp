// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/clock.hpp>
#include <penstock/core/log.hpp>
#include <penstock/events/locals.hpp>
#include <penstock/proc/job_kinds.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace penstock::proc {

/// One queue of a Processor, as its jobs see it: the context in which they run, and what it owns.
///
/// Jobs of one queue run one after the other, so its locals (a database connection, say) need no lock. They
/// may block.
///
/// Thread: its own; given to jobs only. Owner: its Processor.
class Queue : core::Affine {
public:
    struct Parts {
        unsigned index = 0;
        Intake* intake = nullptr;
        const core::Clock* clock = nullptr;
        Log* log = nullptr;
    };
    explicit Queue(Parts parts) : parts_(parts) {}

    /// That of the worker beside which it runs.
    unsigned index() const { return parts_.index; }
    Log& log() { return *parts_.log; }
    core::TimePoint now() const { return parts_.clock->now(); }
    /// The processor stops: a long job should come to its end.
    bool is_stopping() const { return parts_.intake->is_closed(); }

    /// This queue's one T: made at its first use from T(queue) or T(), unless make_local came before. Dies on
    /// the queue's thread, at stop. What the constructor throws ends the job, and the next use tries again.
    template <class T>
    T& local() {
        if (auto* found = locals_.find<T>()) return *found;
        if constexpr (std::constructible_from<T, Queue&>)
            return locals_.make<T>(*this);
        else if constexpr (std::default_initializable<T> && !std::is_const_v<T>)
            return locals_.make<T>();
        else
            missing_local(__PRETTY_FUNCTION__);
    }
    template <class T>
    T* find_local() {
        return locals_.find<T>();
    }
    template <class T, class... A>
    T& make_local(A&&... arguments) {
        return locals_.make<T>(std::forward<A>(arguments)...);
    }

    /// Adds a job to this queue, behind those that wait.
    template <class F, class... A>
        requires Runnable<F, A...>
    Posted add(F function, A&&... arguments) {
        return detail::add(parts_.intake->reserve(), function, std::forward<A>(arguments)...);
    }

private:
    [[noreturn]] static void missing_local(const char* type);

    const Parts parts_;
    events::Locals locals_;
};

}  // namespace penstock::proc
