// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>
#include <string_view>
using namespace penstock;

struct Plain {
    int a;
    std::string b;
};
void named(Worker&, std::string) {}
bool f(Remote<Worker> r) {
    return r.post([](Worker&, Plain) {}, Plain{}) == Posted::ok &&
           r.post(named, std::string("x")) == Posted::ok &&
           r.post([](Worker&, Buffer) {}, Buffer::copy("x")) == Posted::ok;
}
Task<int> g(Remote<Worker> r) {
    auto answer = co_await r.call([](Worker&, int n) { return n + 1; }, 1);
    co_return answer ? *answer : 0;
}
