// SPDX-License-Identifier: Apache-2.0
#pragma once
// A lettered channel: who says a line is heard by all others, and newcomers get the last hundred lines.
#include <penstock/events/timer.hpp>
#include <penstock/node/node.hpp>

#include <string>
#include <vector>
using namespace penstock;

constexpr std::uint8_t line = 0x10, missed = 0x11;  // packet types from 0x10 are the user's
struct Room {                                       // one per worker
    std::vector<stream::Channel*> members;
    std::vector<std::string> history;
};

inline void say(Worker& worker, std::string text, Remote<stream::Channel> from) {  // runs on every worker
    auto& room = worker.local<Room>();
    for (auto* member : room.members)  // this worker's: plain pointers, no lock
        if (member != from.here() && !taken(member->send(line, text)))
            std::ignore = from.send(missed, Buffer::copy(text));  // to its home; a stale Remote is harmless
    room.history.push_back(std::move(text));
    if (room.history.size() > 100) room.history.erase(room.history.begin());
}

struct Member final : stream::ChannelHandler {  // one per channel, which owns it
    explicit Member(stream::Channel& c) : channel(c), room(c.worker().local<Room>()), backlog(room.history) {}
    Result<void> on_open(stream::Channel&, Bytes) override {
        room.members.push_back(&channel);
        return {};
    }
    void on_closed(stream::Channel&, const stream::Closed&) override { std::erase(room.members, &channel); }
    void on_writable(stream::Channel&) override {  // a channel opens ready to write: history first
        while (next < backlog.size())
            if (channel.send(line, backlog[next++]) != Sent::more) return;  // comes again when there is room
        channel.ready_to_write(false);
    }
    void on_packet(stream::Channel&, stream::Packet packet) override {
        const auto text = std::string(packet.data.text());
        if (channel.worker().reactor().post_all(say, text, channel.remote()) == Posted::full)
            return channel.put_back(std::move(packet));  // not taken: it comes again next turn
        channel.ready_to_read(false);                    // ten lines a second; only its own window closes
        pause.arm(100ms);
    }
    stream::Channel& channel;
    Room& room;
    std::vector<std::string> backlog;
    Timer pause{channel.worker(), [this] { channel.ready_to_read(true); }};
    std::size_t next = 0;
};

inline void chat(stream::Channels& channels, Worker&) {
    channels.add('C', {.message_bytes_max = 4096},
                 [](stream::Channel& c) { return std::make_unique<Member>(c); });
}
