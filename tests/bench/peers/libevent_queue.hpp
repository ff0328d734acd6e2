// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

#include <bench/peers/message.hpp>
#include <event2/event.h>
#include <event2/thread.h>

namespace penstock::bench {

/// Messages to a loop of libevent, by an event that is made active from other threads.
class LibeventQueue {
public:
    LibeventQueue() {
        if (evthread_use_pthreads() != 0 || (base_ = event_base_new()) == nullptr) std::abort();
        const auto on_message = [](evutil_socket_t, short, void* queue) {
            static_cast<LibeventQueue*>(queue)->queue_.run_all();
        };
        event_ = event_new(base_, -1, EV_PERSIST | EV_READ, on_message, this);
        if (event_ == nullptr) std::abort();
    }
    LibeventQueue(const LibeventQueue&) = delete;
    LibeventQueue& operator=(const LibeventQueue&) = delete;
    ~LibeventQueue() {
        event_free(event_);
        event_base_free(base_);
    }

    /// Thread: any.
    void post(Message message) {
        if (queue_.push(message)) event_active(event_, EV_READ, 0);
    }
    void run() { event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY); }
    /// From inside a message.
    void stop() { event_base_loopbreak(base_); }

private:
    SwappedQueue queue_;
    event_base* base_ = nullptr;
    event* event_ = nullptr;
};

}  // namespace penstock::bench
