// SPDX-License-Identifier: Apache-2.0
// Boost.Asio: waking a loop that sleeps.
#include <bench/peers/asio_queue.hpp>
#include <bench/peers/queue_main.hpp>

int main(int argc, char** argv) { return penstock::bench::wake_main<penstock::bench::AsioQueue>(argc, argv); }
