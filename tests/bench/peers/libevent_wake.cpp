// SPDX-License-Identifier: Apache-2.0
// libevent: waking a loop that sleeps.
#include <bench/peers/libevent_queue.hpp>
#include <bench/peers/queue_main.hpp>

int main(int argc, char** argv) {
    return penstock::bench::wake_main<penstock::bench::LibeventQueue>(argc, argv);
}
