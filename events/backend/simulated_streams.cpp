// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated_network.hpp>
#include <penstock/events/backend/simulated_streams.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

namespace penstock::events {

using Mark = SimulatedStream::Mark;

SimulatedStream& SimulatedStreams::open(int machine, const Address& peer) {
    auto& out = network_.make<SimulatedStream>(machine);
    out.peer = peer;
    out.local = network_.source(machine, peer).with_port(network_.next_port(machine));
    return out;
}

bool SimulatedStreams::is_blocked(const SimulatedStream& stream) const {
    return stream.is_silent || network_.is_cut(stream.machine, stream.other_machine);
}

// Connecting.

SimulatedStreams::Connected SimulatedStreams::connect(SimulatedStream& from, const Address& to) {
    const auto listening = network_.bound(Descriptor::Kind::listening, from.machine, to);
    from.other_machine = listening.empty() ? network_.machine_at(to) : listening[0]->machine;
    if (is_blocked(from)) return Connected::unanswered;
    if (listening.empty()) return Connected::refused;
    auto& chosen = static_cast<SimulatedListener&>(*listening[network_.chance.below(listening.size())]);
    if (chosen.backlog.size() > chosen.backlog_max) return Connected::unanswered;
    link(from, chosen);
    return Connected::yes;
}

Result<SimulatedStream*> SimulatedStreams::connect_unix(int machine, const std::string& path) {
    const auto listener = network_.at_path(path);
    if (!listener) return fail(listener);
    if ((*listener)->backlog.size() > (*listener)->backlog_max) return fail(Error::os(EAGAIN, "connect"));
    auto& out = network_.make<SimulatedStream>(machine);
    out.is_unix = true;
    link(out, **listener);
    return &out;
}

void SimulatedStreams::link(SimulatedStream& from, SimulatedListener& to) {
    auto& accepted = network_.make<SimulatedStream>(to.machine);
    accepted.local = from.peer;
    accepted.peer = from.local;
    accepted.is_unix = from.is_unix;
    from.other = &accepted;
    accepted.other = &from;
    from.other_machine = to.machine;
    accepted.other_machine = from.machine;
    from.is_connected = accepted.is_connected = true;
    const SimulatedListener::Waiting waiting{network_.chance.later(), &accepted};
    to.backlog.insert(std::ranges::upper_bound(to.backlog, waiting.at, {}, &SimulatedListener::Waiting::at),
                      waiting);
    network_.look_at(waiting.at, to);
}

SimulatedStream* SimulatedStreams::accept(SimulatedListener& listener) {
    auto& backlog = listener.backlog;
    if (backlog.empty() || backlog.front().at > network_.chance.now()) return nullptr;
    auto* out = backlog.front().stream;
    backlog.pop_front();
    return out;
}

// Bytes.

void SimulatedStreams::push(SimulatedStream& to, Mark mark, std::string bytes, bool is_blocked) {
    auto at = is_blocked ? SimulatedStream::never : network_.chance.later();
    if (!to.incoming.empty()) at = std::max(at, to.incoming.back().at);
    to.incoming.push_back({.at = at, .mark = mark, .bytes = std::move(bytes)});
    if (at != SimulatedStream::never) network_.look_at(at, to);
}

void SimulatedStreams::send(SimulatedStream& from, std::string bytes) {
    const bool blocked = is_blocked(from);
    from.unacknowledged += bytes.size();
    if (blocked && from.give_up_at == SimulatedStream::never) {
        from.give_up_at = network_.chance.now() + give_up;
        network_.look_at(from.give_up_at, from);
    }
    if (from.other == nullptr) {  // it answers by a reset
        if (!blocked) mark_broken(from, ECONNRESET, network_.chance.later());
        return;
    }
    while (!bytes.empty()) {
        const auto count = network_.chance.portion(bytes.size());
        if (count == bytes.size()) return push(*from.other, Mark::data, std::move(bytes), blocked);
        push(*from.other, Mark::data, bytes.substr(0, count), blocked);
        bytes.erase(0, count);
    }
}

void SimulatedStreams::finish(SimulatedStream& from) {
    if (!from.is_connected || std::exchange(from.is_finished, true)) return;
    if (from.other != nullptr) push(*from.other, Mark::end, {}, is_blocked(from));
}

bool SimulatedStreams::has_arrived(const SimulatedStream& to) const {
    return !to.incoming.empty() && to.incoming.front().at <= network_.chance.now();
}

std::size_t SimulatedStreams::take(SimulatedStream& to, std::span<std::byte> into) {
    std::size_t out = 0;
    while (out < into.size() && has_arrived(to) && to.incoming.front().mark == Mark::data) {
        auto& first = to.incoming.front();
        const auto count = std::min(into.size() - out, first.left());
        std::memcpy(into.data() + out, first.bytes.data() + first.taken, count);
        out += count;
        first.taken += count;
        if (first.left() == 0) to.incoming.pop_front();
    }
    if (to.other != nullptr && out > 0) {
        to.other->unacknowledged -= out;
        network_.look(*to.other);
    }
    return out;
}

Mark SimulatedStreams::take_mark(SimulatedStream& to) {
    const auto out = std::exchange(to.incoming.front().mark, Mark::end);
    to.is_break_told = to.is_break_told || out == Mark::broken;
    return out;
}

bool SimulatedStreams::is_broken(const SimulatedStream& stream) const {
    return stream.broken_at <= network_.chance.now();
}

int SimulatedStreams::error(const SimulatedStream& from) const {
    if (!is_broken(from)) return from.is_finished ? EPIPE : 0;
    return from.is_break_told ? EPIPE : from.broken;
}

// Ends.

void SimulatedStreams::mark_broken(SimulatedStream& stream, int error, TimePoint at) {
    if (stream.broken != 0) return;
    drop_blocked(stream);
    if (!stream.incoming.empty()) at = std::max(at, stream.incoming.back().at);
    stream.broken = error;
    stream.broken_at = at;
    stream.incoming.push_back({.at = at, .mark = Mark::broken});
    network_.look_at(at, stream);
}

/// Loses what is on the way to it, from some byte on.
void SimulatedStreams::cut_short(SimulatedStream& stream, bool also_arrived) {
    auto& incoming = stream.incoming;
    const auto now = network_.chance.now();
    auto first = also_arrived ? incoming.begin()
                              : std::ranges::find_if(incoming, [&](const auto& s) { return s.at > now; });
    std::size_t bytes = 0;
    for (auto at = first; at != incoming.end(); ++at) bytes += at->left();
    auto kept = network_.chance.below(bytes + 1);
    while (first != incoming.end() && first->mark == Mark::data && first->left() <= kept) {
        kept -= first->left();
        ++first;
    }
    if (first == incoming.end()) return;
    if (kept > 0) {
        first->bytes.resize(first->taken + kept);
        ++first;
    }
    incoming.erase(first, incoming.end());
}

void SimulatedStreams::drop_blocked(SimulatedStream& stream) {
    while (!stream.incoming.empty() && stream.incoming.back().at == SimulatedStream::never)
        stream.incoming.pop_back();
}

/// The two ends have nothing to do with each other any more.
void SimulatedStreams::part(SimulatedStream& stream) {
    if (auto* other = std::exchange(stream.other, nullptr)) {
        other->other = nullptr;
        network_.look(*other);  // it may wait for room
    }
}

void SimulatedStreams::break_off(SimulatedStream& stream) {
    if (stream.broken != 0) return;
    if (auto* other = stream.other; other != nullptr && !is_blocked(stream)) {
        cut_short(*other, true);
        mark_broken(*other, ECONNRESET, network_.chance.later());
    }
    cut_short(stream, true);
    mark_broken(stream, ECONNRESET, network_.chance.now());
    part(stream);
}

void SimulatedStreams::silence(SimulatedStream& stream) {
    stream.is_silent = true;
    if (stream.other != nullptr) stream.other->is_silent = true;
}

void SimulatedStreams::shut(SimulatedStream& stream, bool reset) {
    auto* other = stream.other;
    if (other == nullptr) return;
    // As TCP does: what is unread when a socket closes resets the connection.
    const bool is_unread = std::ranges::any_of(stream.incoming, [](const auto& s) { return s.left() > 0; });
    if (!reset && !is_unread) {
        finish(stream);
    } else if (!is_blocked(stream)) {
        if (reset) cut_short(*other, false);
        mark_broken(*other, ECONNRESET, network_.chance.later());
    }
    part(stream);
}

void SimulatedStreams::heal(SimulatedStream& stream) {
    if (is_blocked(stream)) return;
    stream.give_up_at = SimulatedStream::never;
    TimePoint last{};
    for (auto& segment : stream.incoming) {
        if (segment.at == SimulatedStream::never) {
            segment.at = std::max(last, network_.chance.later());
            network_.look_at(segment.at, stream);
        }
        last = segment.at;
    }
    if (stream.is_connected && stream.other == nullptr && stream.unacknowledged > 0)
        mark_broken(stream, ECONNRESET, network_.chance.later());
}

void SimulatedStreams::look(SimulatedStream& stream) {
    if (stream.give_up_at > network_.chance.now()) return;
    stream.give_up_at = SimulatedStream::never;
    if (auto* other = stream.other) drop_blocked(*other);
    mark_broken(stream, ETIMEDOUT, network_.chance.now());
    part(stream);
}

}  // namespace penstock::events
