// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/event.hpp>
#include <penstock/events/queue.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/scheduled.hpp>
#include <penstock/events/shared_listener.hpp>
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
bool h(Remote<Worker> r, Remote<DatagramSocket> d, events::Event::Trigger t,
       const events::Queue<Plain>::Sender& sender, std::shared_ptr<const events::SharedListener> l) {
    auto each = [](Worker*, events::Event::Trigger, events::Queue<Plain>::Sender, events::Scheduled,
                   std::shared_ptr<const events::SharedListener>) {};
    const auto scheduled = events::schedule(r, 1s, [](Worker*, Plain, Buffer) {}, Plain{}, Buffer::copy("x"));
    events::schedule(r, 1s, each, t, sender, scheduled, std::move(l));
    scheduled.cancel();
    t.add();
    return sender.push(Plain{}) == Posted::ok &&
           d.post([](DatagramSocket& s, const Address& to,
                     Buffer b) { std::ignore = s.send(to, std::move(b).slice()); },
                  Address(), Buffer::copy("x")) == Posted::ok;
}
