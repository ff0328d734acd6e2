// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/chain.hpp>
#include <penstock/events/backend/uring.hpp>

#include <vector>

namespace penstock::events {

/// One descriptor in the ring. What flies (was submitted and has not completed) keeps it alive.
struct alignas(16) UringBackend::Ringed final : Entry {
    Ringed() = default;

    bool flies(What what) const { return (flying & bit(what)) != 0; }
    static std::uint8_t bit(What what) {
        return static_cast<std::uint8_t>(1u << static_cast<unsigned>(what));
    }
    bool is_stream() const { return kind == Descriptor::Kind::stream; }
    bool holds_something() const { return !held.empty() || held_end || static_cast<bool>(held_error); }
    bool is_deliverable() const {
        return (credit > 0 && holds_something()) || (accepting && !held_accepted.empty());
    }
    void spend(std::size_t bytes) {
        if (credit < credit_unlimited) credit -= std::min(credit, bytes);
    }

    Descriptor descriptor;  // may be closed or given away while something flies
    Operation* operation = nullptr;
    Ringed* next_free = nullptr;
    std::size_t credit = 0;
    Chain held;                             // came when there was no credit any more
    std::vector<Descriptor> held_accepted;  // came when it was disarmed
    Error held_error;
    Interest watch{};
    short poll_mask = 0, watch_mask = 0;  // of those that fly
    Descriptor::Kind kind = Descriptor::Kind::other;
    std::uint8_t flying = 0, cancelling = 0;
    bool held_end = false;
    bool accepting = false;
    bool takes_datagrams = false;
    bool merges_datagrams = true;
    bool watches_anew = false;  // what was told already is to be told again
    bool has_more = false;      // the last receive left something in the socket
    bool cancelled = false;     // its operation is
    bool settling = false;
    bool closed = false;
    bool changed = false;  // in the list
    bool ready = false;    // likewise
};

}  // namespace penstock::events
