// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend.hpp>
#include <penstock/events/backend/simulated_network.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::events {

class SimulatedBackend;

/// A socket of the simulated network in the backend of its worker.
struct SimulatedEntry final : Entry {
    explicit SimulatedEntry(SimulatedBackend& b) : backend(b) {}

    SimulatedBackend& backend;
    Descriptor descriptor;
    SimulatedEndpoint* endpoint = nullptr;  ///< null: closed, and nothing is in flight any more
    Operation* operation = nullptr;         ///< the one in flight
    TimePoint operation_at;                 ///< it does not go on before; nor is the entry settled
    TimePoint not_before;                   ///< nothing does: it seemed ready, and brought nothing
    std::size_t credit = 0;                 ///< of the armed receive
    std::size_t former_credit = 0;          ///< of one that was disarmed, and may still be in flight
    unsigned tries = 0;                     ///< of a connect
    bool is_accepting = false;
    bool takes_datagrams = false;
    bool is_cancelled = false;
    bool is_settling = false;
    bool is_closed = false;
    bool is_queued = false;
    std::size_t place = 0;  ///< in its backend's list
};

/// The backend of one simulated worker. Its entries wait in a list of those that can go on, so that a turn
/// costs what happens in it.
class SimulatedBackend final : public Backend {
public:
    /// `name` stands in the trace.
    SimulatedBackend(SimulatedNetwork& network, int machine, std::string name);
    ~SimulatedBackend() override;
    const char* name() const override { return "simulated"; }
    const std::string& host_name() const { return host_name_; }
    int machine() const { return machine_; }

    Result<Descriptor> open_listening(const Address& address, ListenOptions options) override;
    Result<Descriptor> open_stream(const Address& peer) override;
    Result<Descriptor> open_datagram(const Address& local, const DatagramOptions& options) override;
    Result<Descriptor> open_unix_listening(const std::string& path, ListenOptions options) override;
    Result<Descriptor> open_unix_stream(const std::string& path) override;

    /// Refuses descriptors of the system by ENOTSUP: there is nothing in a simulation that could be polled.
    Result<Entry*> enter(Descriptor owned, EntryOwner& owner) override;
    bool settle(Entry& entry) override;
    Descriptor leave(Entry& entry) override;
    Result<Address> local_address(const Entry& entry) const override;
    void arm_accept(Entry& entry, bool armed) override;
    void arm_receive(Entry& entry, std::size_t credit_bytes) override;
    void arm_datagrams(Entry& entry, bool armed) override;
    void arm_poll(Entry&, Interest) override {}
    std::optional<Completion> submit(Entry& entry, Operation& operation) override;
    void cancel(Operation& operation) override;
    Result<void> finish(Entry& entry) override;
    void close(Entry& entry, bool reset) override;
    void wait(std::chrono::nanoseconds) override {}
    void dispatch(Completions& completions) override;
    bool has_ready() const override { return !ready_.empty(); }
    void free_closed() override;
    void wake() noexcept override;

    /// Puts it into the list if it can go on.
    void look(SimulatedEntry& entry);
    /// Somebody has called wake() since the last call.
    bool take_wake() { return std::exchange(is_woken_, false); }
    bool is_woken() const { return is_woken_; }

private:
    static SimulatedEntry& entered(Entry& entry) { return static_cast<SimulatedEntry&>(entry); }
    void look_later(SimulatedEntry& entry, TimePoint at);
    bool is_ready(const SimulatedEntry& entry) const;
    bool can_go_on(const SimulatedEntry& entry) const;
    bool has_arrived(const SimulatedEntry& entry) const;
    bool can_settle(const SimulatedEntry& entry) const {
        return entry.is_settling && entry.operation_at <= chance_.now();
    }
    static void disarm(SimulatedEntry& entry);
    void retire(SimulatedEntry& entry);
    void step(SimulatedEntry& entry, Completions& completions);
    void end_operation(SimulatedEntry& entry, Completions& completions);
    bool go_on(SimulatedEntry& entry);
    bool connect(SimulatedEntry& entry);
    bool send(SimulatedEntry& entry);
    bool send_datagrams(SimulatedEntry& entry);
    void bring(SimulatedEntry& entry, Completions& completions);
    void accept(SimulatedEntry& entry, Completions& completions);
    void receive(SimulatedEntry& entry, Completions& completions);
    void receive_datagrams(SimulatedEntry& entry, Completions& completions);
    template <class... P>
    void note(const P&... parts) {
        network_.trace.line(host_name_, parts...);
    }

    SimulatedNetwork& network_;
    SimulatedChance& chance_;
    const int machine_;
    const std::string host_name_;
    bool is_woken_ = false;
    std::vector<std::unique_ptr<SimulatedEntry>> entries_;
    std::vector<std::unique_ptr<SimulatedEntry>> closed_;
    std::vector<SimulatedEntry*> ready_, stepping_;
    std::vector<Datagram> received_;
};

}  // namespace penstock::events
