// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/events/backend/simulated_endpoint.hpp>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>

namespace penstock::events {

class SimulatedNetwork;

/// Connections of the simulated network: TCP, and unix sockets, whose lines know no faults but delay.
///
/// Bytes are on their way until the other end takes them, at most pipe_bytes_max in each direction. A
/// connection may break (its bytes arrive up to any one of them, then ECONNRESET), or fall silent: then, and
/// while a line is cut, what is sent waits, and the kernel gives up after `give_up` with ETIMEDOUT.
class SimulatedStreams {
public:
    static constexpr std::size_t pipe_bytes_max = 64 * 1024;
    static constexpr std::chrono::seconds give_up{924};    ///< as Linux does
    static constexpr std::chrono::seconds first_retry{1};  ///< of a connect that gets no answer; then doubled
    static constexpr unsigned connect_tries_max = 7;       ///< 127 s

    explicit SimulatedStreams(SimulatedNetwork& network) : network_(network) {}

    SimulatedStream& open(int machine, const Address& peer);
    enum class Connected { yes, refused, unanswered };
    Connected connect(SimulatedStream& from, const Address& to);
    Result<SimulatedStream*> connect_unix(int machine, const std::string& path);
    /// Null: nobody has come yet.
    SimulatedStream* accept(SimulatedListener& listener);

    std::size_t room(const SimulatedStream& from) const { return pipe_bytes_max - from.unacknowledged; }
    /// Requires that there is room.
    void send(SimulatedStream& from, std::string bytes);
    /// Ends our direction.
    void finish(SimulatedStream& from);
    bool has_arrived(const SimulatedStream& to) const;
    /// Bytes that have arrived, up to a mark; 0: the mark comes next.
    std::size_t take(SimulatedStream& to, std::span<std::byte> into);
    /// Requires that take() gave nothing though something has arrived. The end stays, and is found each time;
    /// how a connection broke is told once, and is an end from then on.
    SimulatedStream::Mark take_mark(SimulatedStream& to);
    bool is_broken(const SimulatedStream& stream) const;
    /// What sends meet by now: an errno, or 0.
    int error(const SimulatedStream& from) const;

    /// Both ends lose what is on the way from any byte on, and break.
    void break_off(SimulatedStream& stream);
    /// Half-open: from now on nothing arrives, and nobody is told.
    void silence(SimulatedStream& stream);
    void shut(SimulatedStream& stream, bool reset);
    /// The line between its machines is whole again.
    void heal(SimulatedStream& stream);
    /// Something of it has become due.
    void look(SimulatedStream& stream);

private:
    bool is_blocked(const SimulatedStream& stream) const;
    void link(SimulatedStream& from, SimulatedListener& to);
    void push(SimulatedStream& to, SimulatedStream::Mark mark, std::string bytes, bool is_blocked);
    void mark_broken(SimulatedStream& stream, int error, TimePoint at);
    void cut_short(SimulatedStream& stream, bool also_arrived);
    void drop_blocked(SimulatedStream& stream);
    void part(SimulatedStream& stream);

    SimulatedNetwork& network_;
};

}  // namespace penstock::events
