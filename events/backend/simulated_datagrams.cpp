// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/home.hpp>
#include <penstock/events/backend/simulated_datagrams.hpp>
#include <penstock/events/backend/simulated_network.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock::events {
namespace {

/// Of the sockets that share an address each has its own senders.
std::size_t share_of(const Address& sender, std::size_t sockets) {
    std::size_t sum = sender.port();
    for (const auto byte : sender.ip()) sum = sum * 31 + byte;
    return sum % sockets;
}

}  // namespace

Result<SimulatedDatagramSocket*> SimulatedDatagrams::open(int machine, const Address& local,
                                                          const DatagramOptions& options) {
    auto& out = network_.make<SimulatedDatagramSocket>(machine);
    out.peer = options.peer;
    out.room_bytes = options.buffer_bytes > 0 ? static_cast<std::size_t>(options.buffer_bytes) : room_bytes;
    if (auto bound = network_.bind(out, local, options.share_port); !bound) {
        network_.close_descriptor(out.number);
        return fail(bound);
    }
    return &out;
}

int SimulatedDatagrams::send(SimulatedDatagramSocket& from, const Datagram& datagram) {
    const auto& to = datagram.peer.empty() ? from.peer : datagram.peer;
    if (to.empty()) return EDESTADDRREQ;
    if (to.is_v6() != from.local.is_v6()) return EAFNOSUPPORT;
    if (datagram.data.size() > bytes_max) return EMSGSIZE;
    if (const int error = take_error(from); error != 0) return error;
    auto source = from.local;
    if (SimulatedNetwork::is_any(source))
        source = network_.source(from.machine, to).with_port(from.local.port());
    auto* receiver = this->receiver(from, source, to);
    auto& chance = network_.chance;
    const auto machine = receiver != nullptr ? receiver->machine : network_.machine_at(to);
    if (network_.is_cut(from.machine, machine) || chance.happens(chance.faults().loss)) return 0;
    if (receiver == nullptr) {
        if (from.peer.empty() || from.refused != 0) return 0;
        from.refused = ECONNREFUSED;
        from.refused_at = chance.later();
        network_.look_at(from.refused_at, from);
        return 0;
    }
    const int copies = chance.happens(chance.faults().duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) deliver(*receiver, from.number, source, datagram.data);
    return 0;
}

SimulatedDatagramSocket* SimulatedDatagrams::receiver(const SimulatedDatagramSocket& from,
                                                      const Address& source, const Address& to) const {
    std::vector<SimulatedDatagramSocket*> connected, open;
    for (auto* endpoint : network_.bound(Descriptor::Kind::datagram, from.machine, to)) {
        auto* socket = static_cast<SimulatedDatagramSocket*>(endpoint);
        if (socket->peer.empty())
            open.push_back(socket);
        else if (socket->peer == source)
            connected.push_back(socket);
    }
    const auto& all = connected.empty() ? open : connected;
    return all.empty() ? nullptr : all[share_of(source, all.size())];
}

void SimulatedDatagrams::deliver(SimulatedDatagramSocket& to, int sender, const Address& source,
                                 Bytes bytes) {
    auto& chance = network_.chance;
    if (to.incoming_bytes + bytes.size() + overhead_bytes > to.room_bytes) return;
    auto at = chance.later();
    auto& last = to.last_from[sender];
    if (chance.happens(chance.faults().reorder)) {
        constexpr std::chrono::milliseconds least{1};  // so that it is reordered where nothing is delayed
        at += chance.random_delay() +
              std::chrono::nanoseconds(chance.below(std::chrono::nanoseconds(least).count()));
    } else {
        last = at = std::max(at, last);
    }
    const bool is_cut = !bytes.empty() && chance.happens(chance.faults().cut);
    const auto size = is_cut ? chance.below(bytes.size()) : bytes.size();
    to.incoming_bytes += size + overhead_bytes;
    to.incoming.emplace(
        std::pair(at, to.next_incoming++),
        SimulatedDatagramSocket::Arriving{source, std::string(bytes.first(size).text()), is_cut});
    network_.look_at(at, to);
}

bool SimulatedDatagrams::has_arrived(const SimulatedDatagramSocket& to) const {
    const auto now = network_.chance.now();
    return (to.refused != 0 && to.refused_at <= now) ||
           (!to.incoming.empty() && to.incoming.begin()->first.first <= now);
}

int SimulatedDatagrams::take_error(SimulatedDatagramSocket& to) {
    return to.refused_at <= network_.chance.now() ? std::exchange(to.refused, 0) : 0;
}

void SimulatedDatagrams::take(SimulatedDatagramSocket& to, std::size_t most, std::vector<Datagram>& out) {
    auto& filler = core::Home::current()->incoming();
    while (out.size() < most && !to.incoming.empty() &&
           to.incoming.begin()->first.first <= network_.chance.now()) {
        auto& [from, bytes, is_cut] = to.incoming.begin()->second;
        const auto room = filler.room(std::max<std::size_t>(bytes.size(), 1));
        std::memcpy(room.data(), bytes.data(), bytes.size());
        out.push_back({.peer = from, .data = filler.fill(bytes.size()), .is_cut = is_cut});
        to.incoming_bytes -= bytes.size() + overhead_bytes;
        to.incoming.erase(to.incoming.begin());
    }
}

}  // namespace penstock::events
