// SPDX-License-Identifier: Apache-2.0
// Ours in the case events/memory: becomes the command `penstock echo`, with one worker.
#include <string>

#include <bench/peers/port.hpp>
#include <unistd.h>

int main(int argc, char** argv) {
    using namespace penstock::bench;
    const auto listen = "127.0.0.1:" + std::to_string(port_argument(argc, argv));
    ::execl(PENSTOCK_COMMAND, "penstock", "echo", "--workers", "1", "--listen", listen.c_str(), nullptr);
    give_up(PENSTOCK_COMMAND);
}
