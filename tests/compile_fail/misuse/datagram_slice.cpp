// SPDX-License-Identifier: Apache-2.0
// refused: Sendable|Crossing
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/worker.hpp>
using namespace penstock;

bool f(const Remote<DatagramSocket>& r, Slice s) {
    return r.post([](DatagramSocket& socket, Slice data) { std::ignore = socket.send({}, std::move(data)); },
                  std::move(s)) == Posted::ok;
}
