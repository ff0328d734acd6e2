// SPDX-License-Identifier: Apache-2.0
// refused: Captureless|Crossing
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/worker.hpp>
using namespace penstock;

bool f(const Remote<DatagramSocket>& r, int& n) {
    return r.post([&n](DatagramSocket&) { ++n; }) == Posted::ok;
}
