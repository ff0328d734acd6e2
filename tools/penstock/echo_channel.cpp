// SPDX-License-Identifier: Apache-2.0
#include "echo_channel.hpp"

#include <memory>
#include <utility>

namespace penstock::tool {
namespace {

struct Echo final : stream::ChannelHandler {
    Result<void> on_open(stream::Channel& channel, Bytes) override {
        channel.ready_to_write(false);  // it has nothing to say by itself
        return {};
    }
    void on_packet(stream::Channel& channel, stream::Packet packet) override {
        const auto sent = channel.send(packet.type, packet.data.share());
        if (sent != Sent::more) channel.ready_to_read(false);
        if (sent == Sent::full) channel.put_back(std::move(packet));
    }
    void on_writable(stream::Channel& channel) override { channel.ready_to_read(true); }
};

}  // namespace

void add_echo_channel(stream::Channels& channels) {
    channels.add('E', [](stream::Channel&) { return std::make_unique<Echo>(); });
}

}  // namespace penstock::tool
