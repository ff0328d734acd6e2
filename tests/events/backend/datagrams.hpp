// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <events/backend/rig.hpp>

namespace penstock::test {

inline constexpr std::size_t datagram_bytes_max = 65'507;
inline constexpr events::DatagramOptions roomy{
    .share_port = false, .peer = {}, .buffer_bytes = 4 * 1024 * 1024};
inline constexpr events::DatagramOptions sharing{.share_port = true, .peer = {}, .buffer_bytes = 0};

inline events::DatagramOptions towards(const Address& peer) {
    return {.share_port = false, .peer = peer, .buffer_bytes = 0};
}

inline events::Datagram to(const Address& peer, std::string_view bytes) {
    return {.peer = peer, .data = Slice::copy(bytes)};
}

inline std::vector<events::Datagram> only(const Address& peer, std::string_view bytes) {
    std::vector<events::Datagram> out;
    out.push_back(to(peer, bytes));
    return out;
}

/// `count` of this size, each starting with its number.
inline std::vector<events::Datagram> numbered(const Address& peer, std::size_t count, std::size_t size) {
    std::vector<events::Datagram> out;
    for (std::size_t i = 0; i < count; ++i) {
        auto bytes = text(size, i);
        bytes[0] = static_cast<char>(i);
        out.push_back(to(peer, bytes));
    }
    return out;
}

/// Each longer than the one before, so that they are not merged.
inline std::vector<events::Datagram> growing(const Address& peer, std::size_t count) {
    std::vector<events::Datagram> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(to(peer, text(i + 1, i)));
    return out;
}

inline std::vector<std::string> sorted(const Socket& socket) {
    std::vector<std::string> out;
    for (const auto& message : socket.datagrams) out.push_back(message.data);
    std::ranges::sort(out);
    return out;
}

/// Two sockets that take what comes.
struct Two {
    Socket &left, &right;
    Address left_at, right_at;

    explicit Two(Rig& rig, events::DatagramOptions options = {})
        : left(rig.datagram(0, options)), right(rig.datagram(1, options)) {
        left_at = rig.address(left);
        right_at = rig.address(right);
        left.arm_datagrams();
        right.arm_datagrams();
    }
};

}  // namespace penstock::test
