// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

#include <bench/peers/message.hpp>
#include <uv.h>

namespace penstock::bench {

/// Messages to libuv's default loop.
class UvQueue {
public:
    UvQueue() {
        async_.data = this;
        const auto on_message = [](uv_async_t* async) {
            static_cast<UvQueue*>(async->data)->queue_.run_all();
        };
        if (uv_async_init(uv_default_loop(), &async_, on_message) != 0) std::abort();
    }
    UvQueue(const UvQueue&) = delete;
    UvQueue& operator=(const UvQueue&) = delete;

    /// Thread: any.
    void post(Message message) {
        if (queue_.push(message)) uv_async_send(&async_);
    }
    void run() { uv_run(uv_default_loop(), UV_RUN_DEFAULT); }
    /// From inside a message.
    void stop() { uv_stop(uv_default_loop()); }

private:
    SwappedQueue queue_;
    uv_async_t async_{};
};

}  // namespace penstock::bench
