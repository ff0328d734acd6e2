// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/events/backend/simulated_agenda.hpp>
#include <penstock/events/backend/simulated_chance.hpp>
#include <penstock/events/backend/simulated_datagrams.hpp>
#include <penstock/events/backend/simulated_endpoint.hpp>
#include <penstock/events/backend/simulated_streams.hpp>
#include <penstock/events/backend/simulated_trace.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::events {

/// The machines of a simulation and what they have in common: numbers of descriptors, addresses, names, and
/// the lines between them. What goes over the lines is in SimulatedStreams and SimulatedDatagrams.
///
/// Addresses: machine n has 10.1.x.y and fd00::n; the loopback addresses are each machine's own. Any other
/// address belongs to the machine that binds it first, port by port. Thread: the simulation's.
class SimulatedNetwork final : public Descriptor::Closer {
public:
    static constexpr std::uint16_t ephemeral_first = 32'768, ephemeral_last = 60'999;

    SimulatedNetwork(SimulatedChance& dice, SimulatedTrace& log) : chance(dice), trace(log) {}

    SimulatedChance& chance;
    SimulatedTrace& trace;
    SimulatedStreams streams{*this};
    SimulatedDatagrams datagrams{*this};

    int add_machine();
    Address address_of(int machine, bool is_v6) const;
    /// The machine whose own address this is, or that has bound it; -1: none.
    int machine_at(const Address& address) const;

    // Descriptors.

    template <class E>
    E& make(int machine) {
        auto made = std::make_unique<E>(static_cast<int>(endpoints_.size()), machine);
        auto& out = *made;
        endpoints_.push_back(std::move(made));
        return out;
    }
    Descriptor descriptor(const SimulatedEndpoint& endpoint) {
        return Descriptor(endpoint.number, endpoint.kind, this);
    }
    /// Null when it is closed.
    SimulatedEndpoint* find(int number) const { return endpoints_[static_cast<std::size_t>(number)].get(); }
    void close_descriptor(int number) noexcept override;
    /// Closes it towards its peers; `reset`: what they have not got yet is dropped.
    void shut(SimulatedEndpoint& endpoint, bool reset);

    // Addresses.

    /// 0.0.0.0 or [::]: all of a machine's.
    static bool is_any(const Address& address);
    Result<void> bind(SimulatedEndpoint& endpoint, const Address& address, bool shares_port);
    void unbind(SimulatedEndpoint& endpoint);
    /// Who has bound this address, as seen from a machine; sockets of exactly this address before those of
    /// all addresses.
    std::vector<SimulatedEndpoint*> bound(Descriptor::Kind kind, int from_machine, const Address& to) const;
    /// Where a socket of this machine speaks from, without a port.
    Address source(int machine, const Address& to) const;
    std::uint16_t next_port(int machine);

    // Names of unix sockets: the file system is the whole simulation's.

    Result<void> bind_path(SimulatedListener& listener, const std::string& path);
    Result<SimulatedListener*> at_path(const std::string& path) const;

    // Lines.

    bool is_cut(int one, int other) const {
        return !cut_.empty() && one != other && cut_.contains(std::minmax(one, other));
    }
    void cut(int one, int other);
    void heal(int one, int other);
    /// All connections of the machine break.
    void reset(int machine);

    // Time.

    void look_at(TimePoint at, const SimulatedEndpoint& endpoint) { agenda_.add(at, endpoint.number); }
    /// Something has arrived there, or is due: its backend looks whether it can go on.
    void look(SimulatedEndpoint& endpoint);
    /// Looks at all that has become due by now.
    void advance();
    std::optional<TimePoint> next_event();

private:
    struct Machine {
        Address v4, v6;
        std::uint16_t next_port = ephemeral_first;
    };
    using Port = std::pair<Descriptor::Kind, std::uint16_t>;

    template <class F>
    void each_stream(F f) {
        for (std::size_t i = 0; i < endpoints_.size(); ++i)
            if (auto* endpoint = endpoints_[i].get();
                endpoint != nullptr && endpoint->kind == Descriptor::Kind::stream)
                f(static_cast<SimulatedStream&>(*endpoint));
    }
    bool is_free(const SimulatedEndpoint& endpoint, const Address& address, bool shares_port) const;
    bool reaches(const SimulatedEndpoint& bound, int from_machine, const Address& to) const;

    std::vector<Machine> machines_;
    std::vector<std::unique_ptr<SimulatedEndpoint>> endpoints_;  // by number; numbers are not used again
    std::map<Port, std::vector<SimulatedEndpoint*>> ports_;
    std::map<std::string, SimulatedListener*> paths_;  // null: the file of one that has gone
    std::set<std::pair<int, int>> cut_;
    SimulatedAgenda agenda_;
};

}  // namespace penstock::events
