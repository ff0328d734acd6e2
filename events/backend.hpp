// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/events/descriptor.hpp>
#include <penstock/events/operation.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

// The completion contract: what every backend promises to the sockets above it, so that they cannot tell
// which one they run on. docs/events.md tells it as prose.
//
// - A backend belongs to one worker; all calls are made there, but wake().
// - Nothing is called back from inside arm_*, submit, cancel or close: results are answered at once, or come
//   from dispatch().
// - connect and send (Operations) complete exactly once. An entry has at most one in flight.
// - accept, receive, datagrams and poll are *armed*: they complete many times, until they are disarmed, fail
//   or end. After a failure or the end they are disarmed.
// - A receive is armed with a credit in bytes, which is never exceeded; each delivery takes from it. At zero
//   nothing is delivered, not even a hang-up. From credit_unlimited on it is no limit.
// - The entry owns the descriptor and outlives the socket: close() cuts the link to it, and the descriptor is
//   closed after the last completion.

namespace penstock::events {

struct Interest {
    bool read = false, write = false;
};

/// What an event socket hears. Called by dispatch() alone.
class EntryOwner {
public:
    virtual void on_accepted(Descriptor, const Address&) {}
    virtual void on_received(Slice) {}        ///< never empty
    virtual void on_receive_end() {}          ///< the peer has finished its direction
    virtual void on_receive_failed(Error) {}  ///< of datagrams too
    virtual void on_accept_failed(Error) {}
    virtual void on_datagrams(std::span<Datagram>) {}  ///< theirs to move from
    virtual void on_settled() {}
    virtual void on_ready(Interest) {}
    virtual void on_completed(Operation&) {}  ///< the block is the owner's to give back
    /// Something above threw out of a callback; the socket ends with this error.
    virtual void on_thrown(Error) {}
    /// For people: whose it is. Called when a callback was too slow.
    virtual std::string origin() const { return {}; }

protected:
    ~EntryOwner() = default;
};

/// One descriptor in its backend.
class Entry {
public:
    EntryOwner* owner() const { return owner_; }
    void owner(EntryOwner* owner) { owner_ = owner; }

protected:
    Entry() = default;
    ~Entry() = default;

private:
    EntryOwner* owner_ = nullptr;
};

/// Where a backend puts what happened; made by the worker, which calls the owners under its guard.
class Completions {
public:
    virtual void accepted(Entry& entry, Descriptor descriptor, const Address& peer) = 0;
    virtual void accept_failed(Entry& entry, Error error) = 0;
    virtual void received(Entry& entry, Slice slice) = 0;
    virtual void receive_end(Entry& entry) = 0;
    virtual void receive_failed(Entry& entry, Error error) = 0;
    virtual void datagrams(Entry& entry, std::span<Datagram> datagrams) = 0;
    virtual void settled(Entry& entry) = 0;
    virtual void ready(Entry& entry, Interest interest) = 0;
    /// Of a closed entry, the block goes back to the pool.
    virtual void completed(Entry& entry, Operation& operation) = 0;

protected:
    ~Completions() = default;
};

struct ListenOptions {
    int backlog = 4096;
    bool share_port = true;  ///< SO_REUSEPORT: one listening socket per worker
};

struct DatagramOptions {
    bool share_port = false;  ///< SO_REUSEPORT: one socket per worker, each with its own senders
    Address peer;             ///< not empty: only to and from this one (connect(2))
    int buffer_bytes = 0;     ///< asked of the system for each direction; 0: its default
};

class Backend {
public:
    virtual ~Backend() = default;
    virtual const char* name() const = 0;
    /// What can fail at start.
    virtual Result<void> start() { return {}; }

    // Descriptors: by default the system's sockets.
    virtual Result<Descriptor> open_listening(const Address& address, ListenOptions options);
    virtual Result<Descriptor> open_stream(const Address& peer);
    virtual Result<Descriptor> open_datagram(const Address& local, const DatagramOptions& options);
    /// A path of at most 107 bytes; a first '@' stands for Linux's names without a file (unix(7), abstract).
    /// A file that is there already is in the way, unless nobody listens there any more.
    virtual Result<Descriptor> open_unix_listening(const std::string& path, ListenOptions options);
    /// Connected, or refused: unix sockets do so at once.
    virtual Result<Descriptor> open_unix_stream(const std::string& path);

    /// Takes a descriptor in; the entry is the backend's until close() or leave().
    virtual Result<Entry*> enter(Descriptor owned, EntryOwner& owner) = 0;
    /// Disarms all. True: nothing is in flight. False: it is, and what it still brings is delivered before
    /// Completions::settled. Requires that no operation is pending.
    virtual bool settle(Entry& entry) = 0;
    /// Gives the descriptor back, deregistered. Requires that it is settled, or was never armed but for poll.
    virtual Descriptor leave(Entry& entry) = 0;
    virtual Result<Address> local_address(const Entry& entry) const = 0;

    static constexpr std::size_t credit_unlimited = 0xFFFF'FFFF;

    virtual void arm_accept(Entry& entry, bool armed) = 0;
    virtual void arm_receive(Entry& entry, std::size_t credit_bytes) = 0;  ///< replaces the credit; 0 disarms
    virtual void arm_datagrams(Entry& entry, bool armed) = 0;
    /// Each call looks anew: what is ready is told, also when it was told before.
    virtual void arm_poll(Entry& entry, Interest interest) = 0;

    /// Done, or pending: then it comes as Completions::completed. A pending send comes as soon as it gets on,
    /// maybe short, so that its owner learns that the peer takes something; the rest is submitted again.
    virtual std::optional<Completion> submit(Entry& entry, Operation& operation) = 0;
    /// Its completion still comes, with what was taken and ECANCELED if it was not whole.
    virtual void cancel(Operation& operation) = 0;
    /// Ends our direction (a stream's shutdown for writing).
    virtual Result<void> finish(Entry& entry) = 0;
    /// Cuts the link to the owner; `reset` drops what the peer has not got yet.
    virtual void close(Entry& entry, bool reset) = 0;

    /// Blocks until something happens, or wake(), or that time has passed.
    virtual void wait(std::chrono::nanoseconds at_most) = 0;
    /// Reports what happened. Entries closed meanwhile stay valid until free_closed().
    virtual void dispatch(Completions& completions) = 0;
    /// True while something is left that dispatch() would report without another wait.
    virtual bool has_ready() const = 0;
    /// At the end of a turn.
    virtual void free_closed() = 0;
    /// Thread: any. Makes a wait() return, this one or the next.
    virtual void wake() noexcept = 0;
    /// The last call, when all entries are closed: returns when the system holds no buffer of ours any more.
    virtual void stop() {}
};

/// The base of backends that are told of readiness (epoll, poll, kqueue, a user's own): it does the system
/// calls and remembers readiness, so that edge-triggered and level-triggered sources look alike. What is left
/// is four calls.
class ReadinessBackend : public Backend {
public:
    ReadinessBackend();
    ~ReadinessBackend() override;

    /// Most that one entry receives a turn while others are ready, and when it is alone.
    static constexpr std::size_t turn_bytes_max = 16 * 1024, alone_bytes_max = 256 * 1024;
    static constexpr std::size_t accepts_per_turn_max = 16;

    Result<Entry*> enter(Descriptor owned, EntryOwner& owner) final;
    bool settle(Entry& entry) final;
    Descriptor leave(Entry& entry) final;
    Result<Address> local_address(const Entry& entry) const final;
    void arm_accept(Entry& entry, bool armed) final;
    void arm_receive(Entry& entry, std::size_t credit_bytes) final;
    void arm_datagrams(Entry& entry, bool armed) final;
    void arm_poll(Entry& entry, Interest interest) final;
    std::optional<Completion> submit(Entry& entry, Operation& operation) final;
    void cancel(Operation& operation) final;
    Result<void> finish(Entry& entry) final;
    void close(Entry& entry, bool reset) final;
    void wait(std::chrono::nanoseconds at_most) final;
    void dispatch(Completions& completions) final;
    bool has_ready() const final { return !ready_.empty(); }
    void free_closed() final;

protected:
    /// Collects what `poll_ready` saw.
    class Ready {
    public:
        /// `ended`: hung up or failed, so that reads must go on until they say so.
        void add(int number, Interest interest, bool ended = false);

    private:
        friend class ReadinessBackend;
        explicit Ready(ReadinessBackend& backend) : backend_(backend) {}
        ReadinessBackend& backend_;
    };

    /// Reports readiness of `number` from now on (edges are enough). Called again when the interest grows, or
    /// what is ready now is to be reported once more.
    virtual Result<void> watch(int number, Interest interest, bool is_new) = 0;
    /// For sources that report levels: what is not known to be ready now. Reporting anything else again and
    /// again would keep the worker from sleeping.
    Interest unknown(int number) const;
    /// `is_closing`: its file ends with it, which sources that notice by themselves need not be told.
    virtual void forget(int number, bool is_closing) = 0;
    virtual void poll_ready(std::chrono::nanoseconds at_most, Ready& ready) = 0;

private:
    struct Watched;
    struct DatagramRooms;
    static Watched& watched(Entry& entry);
    void queue(Watched& entry);
    void step(Watched& entry, std::size_t bytes_max, Completions& completions);
    void accept(Watched& entry, Completions& completions);
    void receive(Watched& entry, std::size_t bytes_max, Completions& completions);
    void receive_datagrams(Watched& entry, std::size_t bytes_max, Completions& completions);
    void end_operation(Watched& entry, Completions& completions);
    bool send(Watched& entry, Operation& operation);
    bool send_datagrams(Watched& entry, Operation& operation);
    bool go_on(Watched& entry, Operation& operation);
    DatagramRooms& datagram_rooms();
    bool wait_writable(Watched& entry, Operation& operation);

    std::vector<Watched*> by_number_;
    std::vector<Watched*> ready_, stepping_;  ///< entries that can go on without another wait
    std::vector<Watched*> closed_;
    std::vector<std::unique_ptr<Watched[]>> blocks_;
    Watched* free_ = nullptr;
    std::unique_ptr<DatagramRooms> datagram_rooms_;  // from the first datagram socket on
};

}  // namespace penstock::events
