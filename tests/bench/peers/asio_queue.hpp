// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bench/peers/message.hpp>
#include <boost/asio.hpp>

namespace penstock::bench {

/// Messages to a loop of Boost.Asio, by its own post.
class AsioQueue {
public:
    /// Thread: any.
    void post(Message message) {
        boost::asio::post(context_, [message] { message.run(message.argument); });
    }
    void run() { context_.run(); }
    /// From inside a message.
    void stop() { context_.stop(); }

private:
    boost::asio::io_context context_{1};  // one thread runs it, others post
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_{context_.get_executor()};
};

}  // namespace penstock::bench
