// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/result.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/backend/simulated_endpoint.hpp>

#include <cstddef>
#include <vector>

namespace penstock::events {

class SimulatedNetwork;

/// Datagrams of the simulated network: those of one sender to one socket come in order, once and whole, but
/// for the faults. What finds no room is dropped.
class SimulatedDatagrams {
public:
    static constexpr std::size_t bytes_max = 65'507;    ///< more is EMSGSIZE
    static constexpr std::size_t room_bytes = 212'992;  ///< of a socket that asks for no other
    static constexpr std::size_t overhead_bytes = 256;  ///< what one takes of the room beside its bytes
    static constexpr std::size_t batch_max = 16;        ///< that are received at once

    explicit SimulatedDatagrams(SimulatedNetwork& network) : network_(network) {}

    Result<SimulatedDatagramSocket*> open(int machine, const Address& local, const DatagramOptions& options);
    /// 0, or the errno by which the system refuses this one.
    int send(SimulatedDatagramSocket& from, const Datagram& datagram);
    bool has_arrived(const SimulatedDatagramSocket& to) const;
    /// An error that has arrived, or 0; it is told once.
    int take_error(SimulatedDatagramSocket& to);
    /// At most so many of those that have arrived.
    void take(SimulatedDatagramSocket& to, std::size_t most, std::vector<Datagram>& out);

private:
    SimulatedDatagramSocket* receiver(const SimulatedDatagramSocket& from, const Address& source,
                                      const Address& to) const;
    void deliver(SimulatedDatagramSocket& to, int sender, const Address& source, Bytes bytes);

    SimulatedNetwork& network_;
};

}  // namespace penstock::events
