// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace penstock::test {

class Rig;
class Side;

/// An operation that counts how often it completes.
struct Tracked : events::Operation {
    std::size_t whole = 0;  ///< of a send: how much it was given
    unsigned completions = 0;
    bool is_submitted = false;
    bool is_swallowed = false;

    bool is_done() const { return completions > 0; }
};

/// A datagram as it arrived.
struct Message {
    Address peer;
    std::string data;
};

/// A socket of a test's. It records what it is told; `then` runs after that, inside the callback.
class Socket final : public events::EntryOwner {
public:
    Socket(Rig& rig, Side& side) : rig_(rig), side_(side) {}
    ~Socket() { close(); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    void enter(events::Descriptor descriptor);

    void arm_accept(bool is = true);
    void arm_receive(std::size_t credit = events::Backend::credit_unlimited);
    void arm_datagrams(bool is = true);
    void arm_poll(events::Interest interest);
    Tracked& connect(const Address& to);
    Tracked& send(Chain chain);
    Tracked& send(std::string_view bytes);
    Tracked& send_datagrams(std::vector<events::Datagram> datagrams);
    void submit(Tracked& operation);
    void cancel(Tracked& operation);
    /// All of it, behind what is queued already: what a send did not take is sent again.
    void write(Chain chain);
    void write(std::string_view bytes);
    /// Behind what is queued.
    void finish();
    void close(bool reset = false);
    /// What is still delivered meanwhile comes first.
    events::Descriptor leave();

    events::Entry& entry() const { return *entry_; }
    bool is_sending() const { return flying_ != nullptr; }
    bool is_closed() const { return entry_ == nullptr; }
    events::Backend& backend() const;
    /// How much it was told, of all kinds.
    std::size_t told() const { return told_; }
    std::size_t deliveries() const { return deliveries_; }
    std::size_t unsent() const { return queue_.size() + (writing_ != nullptr ? writing_->data.size() : 0); }

    std::string received{};
    std::vector<Slice> kept{};  ///< with keeps
    std::size_t ends = 0, settlings = 0;
    std::vector<Error> failures{}, accept_failures{}, send_failures{};
    std::vector<events::Descriptor> accepted{};
    std::vector<Address> peers{};  ///< of the accepted
    std::vector<Message> datagrams{};
    std::size_t batches = 0;  ///< of datagrams
    std::vector<events::Interest> readies{};
    std::function<void()> then{};
    bool keeps = false;

private:
    void on_accepted(events::Descriptor descriptor, const Address& peer) override;
    void on_received(Slice slice) override;
    void on_receive_end() override;
    void on_receive_failed(Error error) override;
    void on_accept_failed(Error error) override;
    void on_datagrams(std::span<events::Datagram> datagrams) override;
    void on_settled() override;
    void on_ready(events::Interest interest) override;
    void on_completed(events::Operation& operation) override;
    void note();
    void completed(Tracked& operation);
    void write_on();

    Rig& rig_;
    Side& side_;
    events::Entry* entry_ = nullptr;
    std::size_t told_ = 0, deliveries_ = 0;
    Chain queue_;
    Tracked* writing_ = nullptr;
    Tracked* flying_ = nullptr;
    bool is_finishing_ = false;
};

}  // namespace penstock::test
