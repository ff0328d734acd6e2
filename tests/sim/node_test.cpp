// SPDX-License-Identifier: Apache-2.0
// Whole nodes with clients: a line that somebody says is heard once by each other member.
#include <penstock/client/client.hpp>
#include <penstock/node/node.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "scenario.hpp"

using namespace penstock;

namespace {

constexpr std::uint8_t line = 0x10;
constexpr const char* address = "10.0.0.1:80";

struct Room {  // one a worker
    std::vector<stream::Channel*> members;
};

void say(Worker& worker, std::string text, Remote<stream::Channel> from) {
    for (auto* member : worker.local<Room>().members)
        if (member != from.here()) std::ignore = member->send(line, text);
}

struct Member final : stream::ChannelHandler {
    Result<void> on_open(stream::Channel& channel, Bytes) override {
        channel.worker().local<Room>().members.push_back(&channel);
        return {};
    }
    void on_closed(stream::Channel& channel, const stream::Closed&) override {
        std::erase(channel.worker().local<Room>().members, &channel);
    }
    void on_packet(stream::Channel& channel, stream::Packet packet) override {
        const auto text = std::string(packet.data.text());
        if (channel.worker().reactor().post_all(say, text, channel.remote()) == Posted::full)
            channel.put_back(std::move(packet));
    }
};

void chat(stream::Channels& channels, Worker&) {
    channels.add('C', [](stream::Channel&) { return std::make_unique<Member>(); });
}

struct Ear final : stream::ChannelHandler {
    explicit Ear(std::vector<std::string>& h) : heard(h) {}
    void on_packet(stream::Channel&, stream::Packet packet) override {
        heard.emplace_back(packet.data.text());
    }
    std::vector<std::string>& heard;
};

client::Settings settings(Worker& worker, const NodeId& node) {
    client::Settings out;
    out.uplinks = {address};
    out.uplink_id = node;
    out.identity = std::make_shared<const crypto::Identity>(crypto::Identity::make(worker.random()));
    return out;
}

/// Several members on a host each, who say some lines and hear those of the others.
struct Talk {
    std::size_t members = 2, lines = 3, up = 0;
    bool may_miss = false;  // sessions are lost with their connections, and lines with them
    std::vector<std::vector<std::string>> heard;
};

Task<> speak(Worker& worker, Talk& talk, std::size_t own, NodeId node) {
    client::Client client(worker, settings(worker, node));
    client.channels().add('C', [&](stream::Channel&) { return std::make_unique<Ear>(talk.heard[own]); });
    const auto up = co_await client.reach(client::Stage::stream_streaming);
    CHECK(up.has_value());
    if (!up) co_return;
    ++talk.up;
    while (talk.up < talk.members) co_await worker.sleep(100ms);  // one thread runs it all
    co_await worker.sleep(5s);                                    // the node knows all channels by then
    for (std::size_t i = 0; i < talk.lines; ++i) {
        auto* channel = client.channel('C');  // null: its session was lost, and there is no other one yet
        const bool is_taken = channel != nullptr &&
                              taken(channel->send(line, std::to_string(own) + " says " + std::to_string(i)));
        CHECK((is_taken || talk.may_miss));
        co_await worker.sleep(std::chrono::milliseconds(worker.random().below(300)));
    }
    co_await worker.sleep(5min);
}

std::string run_talk(std::uint64_t seed, const events::Faults& faults, bool records = false) {
    Talk talk;
    events::Simulation sim(seed, faults);
    if (records) sim.record();
    talk.members = 2 + sim.random().below(2);
    talk.heard.resize(talk.members);
    talk.may_miss = faults.reset > 0;
    Node node(sim, {.listen = address, .workers = 2, .clients = {"any"}});
    REQUIRE(node.channels(chat).start());
    for (std::size_t i = 0; i < talk.members; ++i)
        sim.spawn([&, i](Worker& worker) -> Task<> { return speak(worker, talk, i, node.id()); });
    REQUIRE(sim.run());
    for (std::size_t listener = 0; listener < talk.members; ++listener) {
        for (std::size_t speaker = 0; speaker < talk.members; ++speaker) {
            std::vector<std::string> said, expected;
            const auto prefix = std::to_string(speaker) + " says ";
            for (const auto& text : talk.heard[listener])
                if (text.starts_with(prefix)) said.push_back(text);
            for (std::size_t i = 0; i < talk.lines && speaker != listener; ++i)
                expected.push_back(prefix + std::to_string(i));
            if (talk.may_miss)
                CHECK(std::ranges::includes(expected, said, std::ranges::less()));
            else
                CHECK(said == expected);
        }
    }
    return sim.trace();
}

}  // namespace

TEST_CASE("each member of a room hears each line of the others once and in order") {
    for (const auto seed : events::seeds(100)) {
        CAPTURE(seed);
        run_talk(seed, test::without_breaks(test::draw_faults(seed)));
    }
}

TEST_CASE("each member of a room hears no line twice or out of order when connections break") {
    for (const auto seed : events::seeds(100)) {
        CAPTURE(seed);
        run_talk(seed, {.short_transfer = 0.5, .reset = 0.01, .delay_max = 50ms});
    }
}

TEST_CASE("a node and its clients give the same trace for the same seed") {
    constexpr events::Faults faults{.short_transfer = 0.3, .reset = 0.005, .again = 0.1, .delay_max = 20ms};
    for (const auto seed : events::seeds(5)) {
        if (seed > 5 && seed % 50 != 0) continue;  // three runs each
        CAPTURE(seed);
        const auto once = run_talk(seed, faults, true);
        CHECK(once.size() > 10'000);
        CHECK((once == run_talk(seed, faults, true)));
        CHECK((once != run_talk(seed + 1, faults, true)));
    }
}

TEST_CASE("a node in a simulation has its identity from the seed, answers requests, and stops") {
    auto id = [](std::uint64_t seed) {
        events::Simulation sim(seed);
        Node node(sim, {.listen = address});
        REQUIRE(node.start());
        CHECK(node.address() == Address("10.0.0.1:80"));
        CHECK(node.state_folder().empty());
        return node.id();
    };
    CHECK(id(1) == id(1));
    CHECK_FALSE(id(1) == id(2));

    events::Simulation sim(1);
    Node node(sim, {.listen = address, .workers = 2, .clients = {"any"}});
    node.each_queue([](proc::Queue& queue) { queue.make_local<unsigned>(7u); });
    node.routes([](http::Router& router, Worker&) {
        router.simple(http::Method::get, "/seven", [](http::Request, proc::Queue& queue) {
            return http::Response::text(200, std::to_string(queue.local<unsigned>()));
        });
    });
    REQUIRE(node.start());
    sim.spawn([&](Worker& worker) -> Task<> {
        client::Client client(worker, settings(worker, node.id()));
        REQUIRE(co_await client.reach(client::Stage::enc_init));
        const auto answer = co_await client.request(http::Request::get("/seven"));
        REQUIRE(answer.has_value());
        CHECK(answer->body().text() == "7");
    });
    REQUIRE(sim.run());
    const auto before = sim.now();
    node.stop(10s);
    CHECK(sim.now() - before < 10s);
}
