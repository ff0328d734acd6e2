// SPDX-License-Identifier: Apache-2.0
// libuv: posts to a loop from other threads.
#include <bench/peers/queue_main.hpp>
#include <bench/peers/uv_queue.hpp>

int main(int argc, char** argv) { return penstock::bench::post_main<penstock::bench::UvQueue>(argc, argv); }
