// SPDX-License-Identifier: Apache-2.0
// refused: Captureless|Crossing
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

int f() {
    int hits = 0;
    return Reactor().run([&hits](Worker&) -> Result<void> {
        ++hits;
        return {};
    });
}
