// SPDX-License-Identifier: Apache-2.0
// refused: deleted
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

void f(Detached<TcpSocket>& d) { auto e = d; }
