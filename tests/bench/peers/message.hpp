// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace penstock::bench {

/// What is posted: code without captures, and one number.
struct Message {
    void (*run)(std::uint64_t);
    std::uint64_t argument;
};

/// Messages behind a plain mutex. The consumer takes all at once by swapping two vectors, which keep their
/// room: the best that is known for loops that bring no queue of their own.
class SwappedQueue {
public:
    /// True: it was empty, so the consumer has to be told.
    bool push(Message message) {
        const std::lock_guard held(lock_);
        waiting_.push_back(message);
        return waiting_.size() == 1;
    }

    /// At the consumer.
    void run_all() {
        {
            const std::lock_guard held(lock_);
            running_.swap(waiting_);
        }
        for (const auto& message : running_) message.run(message.argument);
        running_.clear();
    }

private:
    std::mutex lock_;
    std::vector<Message> waiting_;
    alignas(128) std::vector<Message> running_;
};

}  // namespace penstock::bench
