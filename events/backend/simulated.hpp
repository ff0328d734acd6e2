// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/reactor.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::events {

/// What goes wrong in a simulation, by chance. Probabilities are from 0 to 1.
struct Faults {
    /// A transfer takes less than it could: a receive, a send, a batch of datagrams; what is sent at once
    /// arrives in pieces.
    double short_transfer = 0;
    /// A submitted operation, or one that is cancelled, is answered later and not at once; one that is
    /// cancelled may be done before the system hears of it.
    double late = 0.5;
    /// Of a TCP connection, at each transfer and in its middle: what is on the way arrives up to any one
    /// byte, then both sides get ECONNRESET.
    double reset = 0;
    /// At each connect and send: from then on nothing of this connection arrives, either way, and nobody is
    /// told. A connect fails by ETIMEDOUT after 127 s; what is sent waits, and after 15 minutes the
    /// connection ends by ETIMEDOUT; who only listens never hears of it.
    double half_open = 0;
    /// An accept fails by EMFILE.
    double accept_failure = 0;
    /// What seemed ready (accept, receive, send) brings nothing this time. Less than 1, or nothing moves.
    double again = 0;

    // Of datagrams, each for itself:
    double loss = 0;       ///< never arrives
    double duplicate = 0;  ///< arrives twice
    double reorder = 0;    ///< later ones may overtake it
    double cut = 0;        ///< arrives shorter, and says so

    /// Whatever comes later (a segment, a connection, a datagram, a completion) takes 10 us, and up to so
    /// much more: what belongs together keeps its order.
    std::chrono::nanoseconds delay_max{0};
};

/// Something that the scheduler of a simulation runs beside its workers: a queue of a Processor, say.
class Participant {
public:
    /// When step() will have something to do; now or in the past: it has. Nothing: when somebody calls.
    virtual std::optional<TimePoint> next_due() const = 0;
    virtual void step() = 0;

protected:
    ~Participant() = default;
};

/// Whole workers in this one thread, with a virtual clock, an in-memory network and a scheduler that all hang
/// from one seed: the same seed gives the same run. Time passes only when nobody has anything to do.
///
/// Hosts: each has an IP address of its own (10.1.x.y, fd00::n) and the loopback addresses. Any other address
/// belongs to the host that listens there first. The names of unix sockets are known to all hosts. Files are
/// the system's, read and written inline. What the system must poll for us is refused (signals, pipes and
/// their like): ENOTSUP.
///
/// Randomness: that of a worker comes from the seed, and is its own. Keys that come from there are the same
/// in each run.
///
/// Logs are dropped, unless the environment has PENSTOCK_SEED: in a replay they go to standard error, with
/// virtual times.
///
/// Thread: one, all of it. Owner: you; Reactors, Processors and Nodes in it die before it.
class Simulation : core::Affine {
public:
    explicit Simulation(std::uint64_t seed, Faults faults = {});
    ~Simulation();

    std::uint64_t seed() const;
    const Faults& faults() const;
    /// Others from now on; default-made ones let what is left come to its end.
    void faults(const Faults& faults);

    /// A worker on a host of its own. The simulation's.
    Worker& add_host();
    /// Runs a coroutine on a host of its own; it may capture.
    template <class F>
        requires std::same_as<std::invoke_result_t<F&, Worker&>, Task<>>
    void spawn(F program) {
        spawn_program(std::make_unique<ProgramOf<F>>(std::move(program)));
    }

    /// Longer runs are stuck, however busy.
    static constexpr std::chrono::hours run_time_max{24 * 30};
    /// Until every spawned task has ended. An error: nothing can happen any more (EDEADLK), nothing but turns
    /// does (ELOOP), or a month has passed (ETIMEDOUT). Throws what a task has thrown.
    Result<void> run();
    /// Lets virtual time pass.
    void run_for(std::chrono::nanoseconds time);
    /// Until `is_done()` holds between two steps. False: it did not within that time, or never can.
    template <std::predicate F>
    bool run_until(F is_done, std::chrono::nanoseconds at_most) {
        const PredicateOf<F> predicate(is_done);
        return run_until_true(predicate, at_most);
    }

    TimePoint now() const;
    const core::Clock& clock() const;
    /// For tests, and what network and scheduler draw from.
    core::Random& random();

    // Accidents, at the will of a test. A host is named by one of its workers, or by an address that is its
    // own or that it listens at.

    struct Host {
        Host(Worker& one) : worker(&one) {}
        Host(const Address& one) : address(one) {}
        Worker* worker = nullptr;
        Address address{};
    };
    /// Its own address, with this port.
    Address address_of(const Host& host, std::uint16_t port) const;
    /// Cuts the line between two hosts: datagrams are lost, connections and connects wait until it is whole
    /// again, or until the kernel gives them up.
    void cut(const Host& one, const Host& other);
    void heal(const Host& one, const Host& other);
    /// Breaks all TCP connections of a host, as Faults::reset does.
    void reset(const Host& host);

    // What happened, for people, and to compare two runs byte by byte: a line for each turn and each thing
    // that the network does, with virtual time, host, sizes and checksums. Recorded from record() on, or
    // always when the environment has PENSTOCK_TRACE=FILE: then it is also appended to that file.

    void record();
    const std::string& trace() const;
    /// Of the trace so far; says the same, but shorter.
    std::uint64_t trace_hash() const;
    /// A line of the test's own in it.
    void note(std::string_view line);

    /// Where its logs go; null: they are dropped.
    core::Logger* logger();
    /// What the scheduler runs beside its workers, until it leaves. `name` stands in the trace.
    void join(Participant& participant, std::string name);
    void leave(Participant& participant);

private:
    friend class SimulatedReactor;
    struct Program {
        virtual ~Program() = default;
        virtual Task<> start(Worker& worker) = 0;
    };
    template <class F>
    struct ProgramOf final : Program {
        explicit ProgramOf(F f) : function(std::move(f)) {}
        Task<> start(Worker& worker) override { return function(worker); }
        F function;
    };
    struct Predicate {
        virtual bool holds() const = 0;

    protected:
        ~Predicate() = default;
    };
    template <class F>
    struct PredicateOf final : Predicate {
        explicit PredicateOf(F& f) : function(f) {}
        bool holds() const override { return function(); }
        F& function;
    };
    void spawn_program(std::unique_ptr<Program> program);
    bool run_until_true(const Predicate& predicate, std::chrono::nanoseconds at_most);

    struct State;
    std::unique_ptr<State> state_;
};

/// Seeds for a test: `count` of them from 1, or what the environment says: PENSTOCK_SEEDS=N sets another
/// count, PENSTOCK_SEEDS=A-B names all of them, and PENSTOCK_SEED=S one. A test case that has
/// CAPTURE(seed) prints it where it fails.
std::vector<std::uint64_t> seeds(std::size_t count);

}  // namespace penstock::events
