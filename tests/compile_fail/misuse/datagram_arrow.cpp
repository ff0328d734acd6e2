// SPDX-License-Identifier: Apache-2.0
// refused: operator->|base operand|is not a pointer
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/worker.hpp>
using namespace penstock;

void f(Remote<DatagramSocket> r) { r->close(); }
