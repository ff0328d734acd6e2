// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/backend/simulated.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace penstock::events {

/// A clock that somebody turns. Its calendar starts on 2026-01-01.
class VirtualClock final : public core::Clock {
public:
    TimePoint now() const override { return now_; }
    core::WallTime wall() const override {
        return core::WallTime(std::chrono::seconds(1'767'225'600)) +
               std::chrono::duration_cast<core::WallTime::duration>(now_ - start);
    }
    void turn_to(TimePoint time) { now_ = time; }
    static constexpr TimePoint start{std::chrono::hours(1)};

private:
    TimePoint now_ = start;
};

/// Streams in memory: what the descriptors of a simulation stand for.
class SimulatedNetwork final : public Descriptor::Closer {
public:
    static constexpr std::size_t pipe_bytes_max = 64 * 1024;  ///< in flight in one direction
    static constexpr std::chrono::microseconds delay_min{10};

    struct Entered;
    struct Segment {
        TimePoint at;
        std::string bytes;  // empty: the end
    };
    struct Link;
    struct Endpoint {
        int number = 0;
        Descriptor::Kind kind = Descriptor::Kind::stream;
        Address local, peer;
        std::shared_ptr<Link> link;  // a connected stream
        int side = 0;
        Entered* entry = nullptr;
        std::deque<std::pair<TimePoint, Endpoint*>> backlog;  // a listening one
    };
    struct Link {
        std::deque<Segment> pipe[2];  // by the sender's side
        std::size_t in_flight[2] = {0, 0};
        bool finished[2] = {false, false};
        bool gone[2] = {false, false};
        bool is_reset = false;
    };

    SimulatedNetwork(core::Random& random, const VirtualClock& clock, Faults faults)
        : random_(random), clock_(clock), faults_(faults) {}

    Result<Descriptor> listen(const Address& address);
    Descriptor stream(const Address& peer);
    Endpoint& endpoint(int number) { return *endpoints_.at(number); }
    Result<void> connect(Endpoint& from, const Address& to);
    std::optional<std::pair<Descriptor, Address>> accept(Endpoint& listening);
    /// Bytes that the peer of this endpoint has sent and that have arrived; -1: nothing yet.
    bool has_arrived(const Endpoint& to) const;
    std::optional<Segment> take(Endpoint& to, std::size_t most);
    std::size_t send(Endpoint& from, Bytes bytes);
    std::size_t room(const Endpoint& from) const;
    void finish(Endpoint& from);
    void reset(Link& link);
    void close_descriptor(int number) noexcept override;

    /// When the next segment or connection arrives that has not yet.
    std::optional<TimePoint> next_arrival() const;
    TimePoint now() const { return clock_.now(); }
    TimePoint later() {
        return now() + delay_min + std::chrono::nanoseconds(random_.below(faults_.delay_max.count() + 1));
    }
    bool chance(double of) { return of > 0 && random_.unit() < of; }
    std::size_t portion(std::size_t most) {
        return chance(faults_.short_transfer) ? 1 + random_.below(most) : most;
    }
    const Faults& faults() const { return faults_; }
    core::Random& random() { return random_; }

private:
    Endpoint& make(Descriptor::Kind kind);
    core::Random& random_;
    const VirtualClock& clock_;
    const Faults faults_;
    std::map<int, std::unique_ptr<Endpoint>> endpoints_;
    int next_number_ = 1;
    std::uint16_t next_port_ = 40'000;
};

/// The backend of one simulated worker.
class SimulatedBackend final : public Backend {
public:
    explicit SimulatedBackend(SimulatedNetwork& network);
    ~SimulatedBackend() override;
    const char* name() const override { return "simulated"; }

    Result<Descriptor> open_listening(const Address& address, ListenOptions) override {
        return network_.listen(address);
    }
    Result<Descriptor> open_stream(const Address& peer) override { return network_.stream(peer); }
    Result<Entry*> enter(Descriptor owned, EntryOwner& owner) override;
    bool settle(Entry& entry) override;
    Descriptor leave(Entry& entry) override;
    Result<Address> local_address(const Entry& entry) const override;
    void arm_accept(Entry& entry, bool armed) override;
    void arm_receive(Entry& entry, std::size_t credit_bytes) override;
    void arm_datagrams(Entry&, bool) override {}
    void arm_poll(Entry&, Interest) override {}
    std::optional<Completion> submit(Entry& entry, Operation& operation) override;
    void cancel(Operation& operation) override;
    Result<void> finish(Entry& entry) override;
    void close(Entry& entry, bool reset) override;
    void wait(std::chrono::nanoseconds) override {}
    void dispatch(Completions& completions) override;
    bool has_ready() const override;
    void free_closed() override;
    void wake() noexcept override {}
    /// When a pending operation may complete.
    std::optional<TimePoint> next_completion() const;

private:
    using Entered = SimulatedNetwork::Entered;
    bool is_ready(const Entered& entry) const;
    void step(Entered& entry, Completions& completions);
    void receive(Entered& entry, Completions& completions);
    bool transfer(Entered& entry);

    SimulatedNetwork& network_;
    std::map<int, std::unique_ptr<Entered>> entries_;
    std::vector<std::unique_ptr<Entered>> closed_;
};

}  // namespace penstock::events
