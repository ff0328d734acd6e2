// SPDX-License-Identifier: Apache-2.0
// refused: Sendable|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

bool f(Remote<Worker> r, Slice s) {
    return r.post([](Worker&, Slice) {}, std::move(s)) == Posted::ok;
}
