// SPDX-License-Identifier: Apache-2.0
// Boost.Asio: posts to a loop from other threads.
#include <bench/peers/asio_queue.hpp>
#include <bench/peers/queue_main.hpp>

int main(int argc, char** argv) { return penstock::bench::post_main<penstock::bench::AsioQueue>(argc, argv); }
