// SPDX-License-Identifier: Apache-2.0
// refused: Captureless|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

Task<int> f(Remote<Worker> r, int& n) {
    auto answer = co_await r.call([&n](Worker&) { return n; });
    co_return answer ? *answer : 0;
}
