// SPDX-License-Identifier: Apache-2.0
// libevent: posts to a loop from other threads.
#include <bench/peers/libevent_queue.hpp>
#include <bench/peers/queue_main.hpp>

int main(int argc, char** argv) {
    return penstock::bench::post_main<penstock::bench::LibeventQueue>(argc, argv);
}
