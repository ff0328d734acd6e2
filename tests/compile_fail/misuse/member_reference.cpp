// SPDX-License-Identifier: Apache-2.0
// refused: Sendable|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

struct WithReference {
    int& a;
};
bool f(Remote<Worker> r, int& n) {
    return r.post([](Worker&, WithReference) {}, WithReference{n}) == Posted::ok;
}
