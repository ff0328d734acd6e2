// SPDX-License-Identifier: Apache-2.0
// libuv: waking a loop that sleeps.
#include <bench/peers/queue_main.hpp>
#include <bench/peers/uv_queue.hpp>

int main(int argc, char** argv) { return penstock::bench::wake_main<penstock::bench::UvQueue>(argc, argv); }
