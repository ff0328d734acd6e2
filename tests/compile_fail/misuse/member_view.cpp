// SPDX-License-Identifier: Apache-2.0
// refused: Sendable|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

struct WithView {
    int a;
    std::string_view b;
};
bool f(Remote<Worker> r) {
    return r.post([](Worker&, WithView) {}, WithView{}) == Posted::ok;
}
