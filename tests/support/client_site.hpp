// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/client.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <support/stream_site.hpp>

namespace penstock::test {

/// Sends back what comes.
struct EchoChannel final : stream::ChannelHandler {
    void on_packet(stream::Channel& channel, stream::Packet packet) override {
        if (!taken(channel.send(packet.type, packet.data.share()))) channel.put_back(std::move(packet));
    }
};

/// Keeps what comes.
struct Ear final : stream::ChannelHandler {
    explicit Ear(std::vector<std::string>& h) : heard(h) {}
    void on_packet(stream::Channel&, stream::Packet packet) override {
        heard.emplace_back(packet.data.text());
    }
    std::vector<std::string>& heard;
};

inline void letter_e(stream::Channels& channels, Worker&) {
    channels.add('E', [](stream::Channel&) { return std::make_unique<EchoChannel>(); });
}

/// A client that knows the site's node, and tries once.
inline client::Settings client_settings(const StreamSite& site) {
    client::Settings out;
    out.uplinks = {"10.0.0.1:80"};
    out.uplink_id = site.keys->identity->id();
    out.identity = std::make_shared<const crypto::Identity>(identity(8));
    out.always_reconnect = false;
    out.tries_max = 1;
    return out;
}

}  // namespace penstock::test
