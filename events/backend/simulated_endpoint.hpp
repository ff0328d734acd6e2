// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/events/backend/simulated_clock.hpp>
#include <penstock/events/descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

// What the descriptors of a simulation stand for: the sockets of its network. Data alone; SimulatedNetwork,
// SimulatedStreams and SimulatedDatagrams act on it.

namespace penstock::events {

struct SimulatedEntry;

struct SimulatedEndpoint {
    SimulatedEndpoint(int n, Descriptor::Kind k, int m) : number(n), kind(k), machine(m) {}
    virtual ~SimulatedEndpoint() = default;
    SimulatedEndpoint(const SimulatedEndpoint&) = delete;
    SimulatedEndpoint& operator=(const SimulatedEndpoint&) = delete;

    const int number;
    const Descriptor::Kind kind;
    const int machine;
    Address local;
    SimulatedEntry* entry = nullptr;  ///< null: on its way between two workers, or not accepted yet
    bool is_bound = false, shares_port = false;
    bool is_shut = false;  ///< its peers have been told; only the number is still open
};

struct SimulatedStream;

struct SimulatedListener final : SimulatedEndpoint {
    SimulatedListener(int n, int m) : SimulatedEndpoint(n, Descriptor::Kind::listening, m) {}
    struct Waiting {
        TimePoint at;
        SimulatedStream* stream;
    };
    std::string path;  ///< of a unix socket
    std::size_t backlog_max = 0;
    std::deque<Waiting> backlog;
};

/// One end of a connection, or what will be one. Each end holds what is on its way to it.
struct SimulatedStream final : SimulatedEndpoint {
    SimulatedStream(int n, int m) : SimulatedEndpoint(n, Descriptor::Kind::stream, m) {}

    /// It never arrives, unless the network heals.
    static constexpr TimePoint never = TimePoint::max();
    enum class Mark : std::uint8_t { data, end, broken };
    struct Segment {
        TimePoint at;
        Mark mark = Mark::data;
        std::string bytes{};
        std::size_t taken = 0;
        std::size_t left() const { return bytes.size() - taken; }
    };

    Address peer;
    SimulatedStream* other = nullptr;  ///< null: not connected yet, or closed over there
    int other_machine = -1;
    std::deque<Segment> incoming;
    std::size_t unacknowledged = 0;  ///< bytes that we have sent and the other end has not taken
    bool is_connected = false;
    bool is_unix = false;
    bool is_finished = false;  ///< our end was sent
    bool is_silent = false;    ///< half-open: nothing of this connection arrives any more, either way
    bool is_break_told = false;
    int broken = 0;  ///< how it ended (an errno), from `broken_at` on
    TimePoint broken_at = never;
    TimePoint give_up_at = never;  ///< when the kernel stops to send again what nobody acknowledges
};

struct SimulatedDatagramSocket final : SimulatedEndpoint {
    SimulatedDatagramSocket(int n, int m) : SimulatedEndpoint(n, Descriptor::Kind::datagram, m) {}
    struct Arriving {
        Address from;
        std::string bytes;
        bool is_cut = false;
    };

    Address peer;  ///< not empty: the only one
    std::map<std::pair<TimePoint, std::uint64_t>, Arriving> incoming;
    std::uint64_t next_incoming = 0;
    std::size_t incoming_bytes = 0, room_bytes = 0;
    std::map<int, TimePoint> last_from;  ///< by sender: those that are not reordered come in order
    int refused = 0;                     ///< nobody is at the peer's port: told once, from `refused_at` on
    TimePoint refused_at{};
};

}  // namespace penstock::events
