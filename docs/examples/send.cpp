// SPDX-License-Identifier: Apache-2.0
// The staged client: says hello on channel C of a node, prints what it hears, and makes an encrypted request.
//     send [ADDRESS:PORT]
#include <penstock/client/client.hpp>
#include <penstock/events/reactor.hpp>

#include <cstdio>
using namespace penstock;

struct Print final : stream::ChannelHandler {
    void on_packet(stream::Channel&, stream::Packet p) override {
        std::puts(std::string(p.data.text()).c_str());
    }
};

Task<int> program(Worker& worker, client::Settings settings) {
    client::Client client(worker, std::move(settings));
    client.channels().add('C', [](stream::Channel&) { return std::make_unique<Print>(); });
    client.on_stage([](client::Client&, const client::StageEvent& event) {
        std::printf("%s: %s %s\n", name(event.stage), name(event.status), event.error.message().c_str());
    });
    if (auto up = co_await client.reach(client::Stage::stream_streaming); !up) co_return complain(up.error());
    if (!taken(client.channel('C')->send(0x10, "hello")))
        co_return complain(Error::user(1, "the queue is full"));
    auto answer = co_await client.request(http::Request::get("/hello/World"));  // encrypted; the other one is
    if (!answer) co_return complain(answer.error());                            // called request_in_clear
    std::printf("status %d\n", answer->status());
    auto closed = co_await client.close();  // when all is acknowledged; else the error says what isn't
    co_return closed ? 0 : complain(closed.error());
}

int main(int argc, char** argv) {
    auto identity = crypto::Identity::load_or_make("client.key");  // refused if others can read it
    if (!identity) return complain(identity.error());
    client::Settings settings{.uplinks = {argc > 1 ? argv[1] : "127.0.0.1:8079"},
                              .known_nodes = "known_nodes"};
    settings.identity = std::make_shared<const crypto::Identity>(std::move(*identity));
    return Reactor({.workers = 1}).run_task(program, std::move(settings));  // on worker 0; its end is the end
}
