// SPDX-License-Identifier: Apache-2.0
// A node for tests of the drain: GET /slow takes 700 ms in the processor.
#include <penstock/node/node.hpp>

#include <thread>
using namespace penstock;

void routes(http::Router& router, Worker&) {
    router.simple(http::Method::get, "/slow", [](http::Request, proc::Queue& queue) {
        queue.log().info("slow began");
        std::this_thread::sleep_for(700ms);
        return http::Response::text(200, "slow\n");
    });
}

int main(int argc, char** argv) { return Node(argc, argv).routes(routes).run(); }
