// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/remote.hpp>
#include <penstock/proc/code.hpp>
#include <penstock/proc/intake.hpp>
#include <penstock/proc/job.hpp>
#include <penstock/proc/work.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

// The nodes of jobs, by where their result goes. One allocation each: the result rides in the node of its
// request.

namespace penstock::proc::detail {

/// Nobody waits for its result.
template <class F, class... A>
class AddedJob final : public Job {
public:
    template <class... B>
    AddedJob(Priority p, std::uint32_t owners, F function, B&&... arguments)
        : Job(p, owners), work_(function, std::forward<B>(arguments)...) {}

private:
    struct Nowhere {
        template <class... V>
        void emplace(V&&...) {}
    };
    Answer run(Queue& queue) override {
        Nowhere result;
        return work_.run(queue, result);
    }
    bool finish() override {
        release();
        return true;
    }
    void discard() override { work_.discard(); }
    const char* name() const override { return work_.name(); }

    Work<F, A...> work_;
};

/// A coroutine of a worker waits for it. The link to the awaiting frame lies here, and only that worker
/// touches it: the result goes home through the worker's reply lane, and dies there when the frame went
/// first.
template <class F, class... A>
class AwaitedJob final : public Job, public events::Reply {
public:
    using R = Outcome<F, A...>;

    template <class... B>
    AwaitedJob(events::Inbox& home, F function, B&&... arguments)
        : Job(Priority::normal),
          home_(home),
          home_epoch_(home.epoch()),
          work_(function, std::forward<B>(arguments)...) {
        events::Reply::run = &deliver;
    }
    events::Answer<R>& answer() { return answer_; }

private:
    Answer run(Queue& queue) override { return work_.run(queue, result_); }
    void failed(Error error) override { result_.emplace(fail(error)); }
    bool finish() override {
        home_.reply(home_epoch_, *this);
        return true;
    }
    void discard() override { work_.discard(); }
    const char* name() const override { return work_.name(); }
    static void deliver(events::Reply& reply, events::Worker* worker) {
        const std::unique_ptr<AwaitedJob> job(static_cast<AwaitedJob*>(&reply));
        if (worker != nullptr) job->answer_.give(std::move(*job->result_));
    }

    events::Inbox& home_;
    const std::uint32_t home_epoch_;
    events::Answer<R> answer_;
    Work<F, A...> work_;
    std::optional<R> result_;  // is there when it has ended
};

/// Its result is for an object of some worker, which may have gone by then. The node itself is posted; while
/// that inbox is full the queue keeps it, and its place, and tries again.
template <class T, class Then, class F, class... A>
class FollowedJob final : public Job {
public:
    using R = Outcome<F, A...>;
    static constexpr bool sendable = true;  // it is posted when nobody else knows it any more

    template <class... B>
    FollowedJob(events::Remote<T> to, Then then, F function, B&&... arguments)
        : Job(Priority::normal), to_(to), then_(then), work_(function, std::forward<B>(arguments)...) {}

private:
    Answer run(Queue& queue) override { return work_.run(queue, result_); }
    void failed(Error error) override { result_.emplace(fail(error)); }
    bool finish() override {
        auto deliver = [](T& object, std::unique_ptr<FollowedJob> job) {
            job->then_(object, std::move(*job->result_));
        };
        const auto to = to_;  // this node may be gone before post returns
        std::unique_ptr<FollowedJob> self(this);
        if (to.post(deliver, std::move(self)) != Posted::full) return true;
        std::ignore = self.release();
        return false;
    }
    void discard() override { work_.discard(); }
    const char* name() const override { return work_.name(); }

    const events::Remote<T> to_;
    [[no_unique_address]] Then then_;
    Work<F, A...> work_;
    std::optional<R> result_;  // is there when it has ended
};

template <class F, class... A>
Posted add(Place place, F function, A&&... arguments) {
    if (!place) return place.posted();
    using J = AddedJob<F, std::decay_t<A>...>;
    place.push(*new J(Priority::normal, 1, function, std::forward<A>(arguments)...));
    return Posted::ok;
}

}  // namespace penstock::proc::detail
