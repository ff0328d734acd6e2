// SPDX-License-Identifier: Apache-2.0
// The floor of an event loop: sends back what it received.
#include <bench/peers/bare_loop.hpp>

int main(int argc, char** argv) {
    penstock::bench::bare_loop(
        penstock::bench::port_argument(argc, argv), [](int descriptor, std::string_view received) {
            return ::send(descriptor, received.data(), received.size(), MSG_NOSIGNAL) ==
                   static_cast<ssize_t>(received.size());
        });
}
