// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/proc/job_handle.hpp>
#include <penstock/proc/queue.hpp>
#include <penstock/proc/settings.hpp>
#include <penstock/proc/status.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>

namespace penstock::events {
class Simulation;
}

namespace penstock::proc {

struct JobOptions {
    /// A job of a lower priority waits for those above it, but not for ever: see Processor.
    Priority priority = Priority::normal;
};

/// The callback processor: work that takes long or blocks, away from the workers. One queue a worker, whose
/// thread is pinned beside it at the lowest priority (SCHED_BATCH, nice 19), so that it gets what the worker
/// leaves over.
///
/// A job is code without captures and Sendable arguments: f(Queue&, args...). It answers nothing, a value, or
/// done() and again(delay) to be run once more. One that throws ends alone, and is logged.
///
/// Order: jobs of one priority run in the order in which they came, those of higher priority first; but a
/// priority that was passed over eight times in a row has its turn.
///
/// Limits: each queue holds at most jobs_max jobs, waiting, sleeping and running ones together; "full" is an
/// answer, and then the arguments were not touched. One allocation a job.
///
/// Thread: any, but start, stop and the destructor: its owner's, which is no worker. Started before the
/// Reactor to whose workers it is lent, it outlives it.
class Processor : core::Affine {
public:
    explicit Processor(ProcessorSettings settings);
    /// Stops at once what still runs.
    ~Processor();

    Result<void> start();
    /// Takes no more, and runs what waits; at the deadline, what has not begun dies, and who awaits it gets
    /// Code::stopped. A job that runs then is waited for: it can't be cut. Sleeping jobs die at once; one
    /// that asks to be run again at once goes on until the deadline, one that asks for a delay has ended.
    /// Answers how many ended by themselves, and how many died. May be started again.
    events::Stopped stop(std::chrono::nanoseconds deadline);

    /// Runs a job in the queue beside this worker, and brings its result back: `co_await jobs.run(f,
    /// args...)`. Errors: Code::full, stopped, thrown. The job lives on its own: when the awaiting frame goes
    /// first, the job still runs, and its result dies on the worker. Thread: a worker's.
    template <class F, class... A>
        requires Answering<F, A...>
    auto run(F function, A&&... arguments) {
        using J = detail::AwaitedJob<F, std::decay_t<A>...>;
        using R = typename J::R;
        auto place = reserve_beside();
        if (!place) return Awaitable<R>(R(fail(error(place.posted()))));
        auto* job = new J(current_inbox(), function, std::forward<A>(arguments)...);
        // The link must be made before the job can end.
        return Awaitable<R>(job->answer(), [&] { place.push(*job); });
    }

    /// Likewise as a callback: then(T&, Result<R>) on the owner of the Remote, if the object still lives
    /// then. On a worker the queue beside it, elsewhere the least loaded one.
    template <class T, class Then, class F, class... A>
        requires Answering<F, A...> && core::Captureless<Then> && std::invocable<Then&, T&, Outcome<F, A...>>
    Posted run_then(Remote<T> to, Then then, F function, A&&... arguments) {
        auto place = events::Worker::current() != nullptr ? reserve_beside() : reserve_least_loaded();
        if (!place) return place.posted();
        using J = detail::FollowedJob<T, Then, F, std::decay_t<A>...>;
        place.push(*new J(to, then, function, std::forward<A>(arguments)...));
        return Posted::ok;
    }

    /// Runs a job in the least loaded queue; nobody waits for it.
    template <class F, class... A>
        requires Runnable<F, A...>
    Posted add(F function, A&&... arguments) {
        return detail::add(reserve_least_loaded(), function, std::forward<A>(arguments)...);
    }
    /// Likewise with a priority of its own, and a handle by which it can be cancelled.
    template <class F, class... A>
        requires Runnable<F, A...>
    Result<JobHandle> add_with(JobOptions options, F function, A&&... arguments) {
        auto place = reserve_least_loaded();
        if (!place) return fail(error(place.posted()));
        using J = detail::AddedJob<F, std::decay_t<A>...>;
        auto* job = new J(options.priority, 2, function, std::forward<A>(arguments)...);
        JobHandle handle(place.intake().shared_from_this(), *job);
        place.push(*job);
        return handle;
    }

    /// 0 before the first start.
    unsigned queues() const;
    /// Requires index < queues().
    QueueStatus status(unsigned index) const;

    // For simulations: queues without threads, driven by the thread that runs the workers too.

    /// Its scheduler runs the queues (of `queues` 0: one), a job a step, and virtual time stands still
    /// meanwhile. A stop runs what waits at once, whatever the deadline. Outlives the use.
    Result<void> start(events::Simulation& simulation);
    /// Likewise, and the caller steps. The clock outlives the use.
    Result<void> start_inline(const core::Clock& clock);
    /// Runs one job of this queue. False: nothing is due.
    bool step(unsigned index);
    /// One of each queue. False: nothing was due.
    bool step();
    /// When a step will have something to do: now or in the past if it has already, nothing if never.
    std::optional<core::TimePoint> next_due() const;

private:
    Place reserve_beside();
    Place reserve_least_loaded();
    static events::Inbox& current_inbox();

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::proc
