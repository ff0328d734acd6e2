// SPDX-License-Identifier: Apache-2.0
// refused: Sendable|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

bool f(Remote<Worker> r) {
    return r.post([](Worker&, std::string_view) {}, std::string_view("x")) == Posted::ok;
}
