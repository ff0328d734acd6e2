// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/home.hpp>
#include <penstock/events/backend.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <events/backend/socket.hpp>

// The parts of the conformance suite: the promises of the completion contract (events/backend.hpp), written
// once and checked on every backend. How a promise is written is said in worlds.hpp.

namespace penstock::test {

/// What a backend may lack. The promises about it are then skipped, and say so.
enum class Capability : std::uint8_t {
    datagrams,
    unix_sockets,
    sleep,   ///< wait() blocks, and wake() ends that
    system,  ///< takes descriptors that the test got from the system, polls them, and runs into its limits
};

/// Where the backends of a rig live: the system, or a simulation.
class World {
public:
    virtual ~World() = default;
    /// One more; all of them reach each other.
    virtual Result<std::unique_ptr<events::Backend>> make() = 0;
    virtual bool can(Capability) const { return true; }
    virtual bool is_seeded() const { return false; }
    /// A place to listen or to speak from on the backend that was made as the n-th.
    virtual Address local(std::size_t n) const = 0;
    /// Nobody has anything to do: lets virtual time pass, up to the next event.
    virtual void pass(std::chrono::nanoseconds) {}
};

/// One backend and what it tells, which must come from dispatch() alone, and not one thing inside another.
class Side final : public events::Completions {
public:
    explicit Side(std::unique_ptr<events::Backend> made) : backend_(std::move(made)) {}

    events::Backend& backend() { return *backend_; }
    /// As a worker's turn goes.
    void turn(std::chrono::nanoseconds at_most);
    void dispatch();
    /// How much it has told, of all kinds.
    std::size_t told() const { return told_; }
    /// Of it, completions of closed entries.
    std::size_t swallowed() const { return swallowed_; }

    void accepted(events::Entry& entry, events::Descriptor descriptor, const Address& peer) override;
    void accept_failed(events::Entry& entry, Error error) override;
    void received(events::Entry& entry, Slice slice) override;
    void receive_end(events::Entry& entry) override;
    void receive_failed(events::Entry& entry, Error error) override;
    void datagrams(events::Entry& entry, std::span<events::Datagram> datagrams) override;
    void settled(events::Entry& entry) override;
    void ready(events::Entry& entry, events::Interest interest) override;
    void completed(events::Entry& entry, events::Operation& operation) override;

private:
    template <class F>
    void tell(events::Entry& entry, F f);

    std::unique_ptr<events::Backend> backend_;
    std::size_t told_ = 0, swallowed_ = 0;
    bool is_dispatching_ = false, is_telling_ = false;
};

/// Two backends that reach each other, in this thread, and the sockets of a test on them.
class Rig {
public:
    Rig(std::unique_ptr<World> world, std::unique_ptr<events::Backend> first,
        std::unique_ptr<events::Backend> second);
    ~Rig();

    /// False, and the test says that it is skipped.
    bool can(Capability what);
    bool is_able(Capability what) const { return world_->can(what); }
    bool is_skipped() const { return is_skipped_; }
    Side& side(std::size_t n) { return sides_[n]; }
    events::Backend& backend(std::size_t n) { return sides_[n].backend(); }
    Address local(std::size_t n) const { return world_->local(n); }

    // Turns.

    /// One of each backend; true: something was told.
    bool turn(std::chrono::nanoseconds at_most = {});
    /// Lets virtual time pass, where it is.
    void pass(std::chrono::nanoseconds at_most) { world_->pass(at_most); }
    /// Turns until it is so. False: it does not come.
    template <class F>
    bool until(F condition) {
        constexpr std::size_t idle_max = 1000, rounds_max = 200'000;
        std::size_t idle = 0;
        for (std::size_t round = 0; round < rounds_max && idle < idle_max; ++round) {
            if (condition()) return true;
            idle = turn(idle < 3 ? 0ns : 1ms) ? 0 : idle + 1;
        }
        return condition();
    }
    /// Turns until nothing is told any more.
    void rest();

    // Sockets. All live as long as the rig.

    Socket& enter(std::size_t side, events::Descriptor descriptor);
    /// Armed.
    Socket& listen(std::size_t side, events::ListenOptions options = {});
    Socket& stream(std::size_t side, const Address& peer);
    Socket& datagram(std::size_t side, events::DatagramOptions options = {});
    Address address(const Socket& socket);
    /// A connection from one side to the other: the end that has connected, and the one that was accepted.
    std::pair<Socket&, Socket&> connected(std::size_t from = 0, std::size_t to = 1);
    /// Sends until the system takes no more; answers how much that was, and what is pending.
    std::pair<std::size_t, Tracked*> fill(Socket& socket);

    Tracked& operation(events::Operation::Kind kind);
    /// Closes all, and checks that no operation is left.
    void end();

private:
    struct Home final : core::Home {};
    Home home_;
    core::Home::Entered entered_{&home_};
    std::unique_ptr<World> world_;
    std::deque<Tracked> operations_;
    std::deque<Side> sides_;
    std::deque<Socket> sockets_;
    bool is_skipped_ = false;
};

/// Bytes that tell where in a stream they stand.
std::string text(std::size_t size, std::size_t from = 0);
/// Likewise, in pieces that lie apart.
Chain pieces(std::size_t size, std::size_t piece, std::size_t from = 0);
/// Likewise, without much memory.
Chain bulk(std::size_t size, std::size_t from = 0);

}  // namespace penstock::test
