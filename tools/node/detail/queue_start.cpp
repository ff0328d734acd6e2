// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/node/detail/queue_start.hpp>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>

namespace penstock::node {
namespace {

/// One job a queue: a queue whose job is here can't take another one, so the next goes to the next queue.
/// They go on when all are here. Thread: any.
struct Round {
    std::vector<QueueSetUp> set_ups;
    unsigned wanted = 0;
    bool waits = true;
    mutable std::mutex lock{};
    mutable std::condition_variable changed{};
    mutable unsigned arrived = 0, ended = 0;
    mutable std::string problem{};

    void run(proc::Queue& queue) const {
        std::unique_lock held(lock);
        ++arrived;
        changed.notify_all();
        changed.wait(held, [this] { return !waits || arrived >= wanted; });
        held.unlock();
        auto outcome = run_all(queue);
        held.lock();
        if (!outcome.empty() && problem.empty()) problem = std::move(outcome);
        ++ended;
        changed.notify_all();
    }
    std::string run_all(proc::Queue& queue) const {
        const auto name = "the set-up of queue " + std::to_string(queue.index());
        try {
            for (const auto& set_up : set_ups)
                if (const auto outcome = set_up(queue); !outcome)
                    return name + " failed: " + outcome.error().message();
        } catch (const std::exception& thrown) {
            return name + " threw: " + thrown.what();
        } catch (...) {
            return name + " threw";
        }
        return {};
    }
};

}  // namespace

Done<void> set_up_queues(proc::Processor& processor, std::vector<QueueSetUp> set_ups, bool is_inline) {
    if (set_ups.empty()) return {};
    auto made = std::make_shared<Round>();
    made->set_ups = std::move(set_ups);
    made->wanted = processor.queues();
    made->waits = !is_inline;
    const std::shared_ptr<const Round> round = std::move(made);
    for (unsigned i = 0; i < round->wanted; ++i) {
        const auto posted = processor.add(
            [](proc::Queue& queue, const std::shared_ptr<const Round>& shared) { shared->run(queue); },
            round);
        PENSTOCK_ASSERT(posted == Posted::ok);  // nothing else is there, and each queue has room for one job
    }
    while (is_inline && processor.step()) {
    }
    std::unique_lock held(round->lock);
    round->changed.wait(held, [&] { return round->ended == round->wanted; });
    if (!round->problem.empty()) return std::unexpected(round->problem);
    return {};
}

}  // namespace penstock::node
