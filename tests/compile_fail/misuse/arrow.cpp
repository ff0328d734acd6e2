// SPDX-License-Identifier: Apache-2.0
// refused: operator->|base operand|is not a pointer
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

void f(Remote<TcpSocket> r) { r->close(); }
