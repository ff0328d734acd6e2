// SPDX-License-Identifier: Apache-2.0
// refused: nodiscard
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

Result<int> g();
void f() { g(); }
