// SPDX-License-Identifier: Apache-2.0
// refused: Sendable|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

struct WithPointer {
    int* p;
};
bool f(Remote<Worker> r) {
    return r.post([](Worker&, WithPointer) {}, WithPointer{}) == Posted::ok;
}
