// SPDX-License-Identifier: Apache-2.0
// refused: Captureless|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

bool f(Remote<Worker> r, int& n) {
    return r.post([&n](Worker&) { ++n; }) == Posted::ok;
}
