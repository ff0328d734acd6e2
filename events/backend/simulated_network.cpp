// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/backend/simulated_network.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace penstock::events {

// The network.

SimulatedNetwork::Endpoint& SimulatedNetwork::make(Descriptor::Kind kind) {
    const int number = next_number_++;
    auto& out = *(endpoints_[number] = std::make_unique<Endpoint>());
    out.number = number;
    out.kind = kind;
    return out;
}

Result<Descriptor> SimulatedNetwork::listen(const Address& address) {
    auto& out = make(Descriptor::Kind::listening);
    out.local = address.port() != 0 ? address : address.with_port(next_port_++);
    return Descriptor(out.number, Descriptor::Kind::listening, this);
}

Descriptor SimulatedNetwork::stream(const Address& peer) {
    auto& out = make(Descriptor::Kind::stream);
    out.local = Address("10.1.0.1:0").with_port(next_port_++);
    out.peer = peer;
    return Descriptor(out.number, Descriptor::Kind::stream, this);
}

Result<void> SimulatedNetwork::connect(Endpoint& from, const Address& to) {
    std::vector<Endpoint*> listening;
    for (auto& [number, endpoint] : endpoints_)
        if (endpoint->kind == Descriptor::Kind::listening && endpoint->local == to)
            listening.push_back(endpoint.get());
    if (listening.empty()) return fail(Error::os(ECONNREFUSED, "connect"));
    auto& accepted = make(Descriptor::Kind::stream);
    accepted.local = to;
    accepted.peer = from.local;
    accepted.side = 1;
    from.link = accepted.link = std::make_shared<Link>();
    listening[random_.below(listening.size())]->backlog.emplace_back(later(), &accepted);
    return {};
}

std::optional<std::pair<Descriptor, Address>> SimulatedNetwork::accept(Endpoint& listening) {
    if (listening.backlog.empty() || listening.backlog.front().first > now()) return {};
    auto& out = *listening.backlog.front().second;
    listening.backlog.pop_front();
    return std::pair(Descriptor(out.number, Descriptor::Kind::stream, this), out.peer);
}

bool SimulatedNetwork::has_arrived(const Endpoint& to) const {
    if (to.link == nullptr) return false;
    const auto& pipe = to.link->pipe[1 - to.side];
    return to.link->is_reset || (!pipe.empty() && pipe.front().at <= now());
}

std::optional<SimulatedNetwork::Segment> SimulatedNetwork::take(Endpoint& to, std::size_t most) {
    auto& pipe = to.link->pipe[1 - to.side];
    if (pipe.empty() || pipe.front().at > now()) return {};
    auto& first = pipe.front();
    if (first.bytes.size() <= most) {
        auto out = std::move(first);
        pipe.pop_front();
        to.link->in_flight[1 - to.side] -= out.bytes.size();
        return out;
    }
    Segment out{first.at, first.bytes.substr(0, most)};
    first.bytes.erase(0, most);
    to.link->in_flight[1 - to.side] -= most;
    return out;
}

std::size_t SimulatedNetwork::room(const Endpoint& from) const {
    return from.link == nullptr ? 0 : pipe_bytes_max - from.link->in_flight[from.side];
}

std::size_t SimulatedNetwork::send(Endpoint& from, Bytes bytes) {
    const auto count = std::min(bytes.size(), room(from));
    if (count == 0) return 0;
    auto& pipe = from.link->pipe[from.side];
    const auto at = std::max(later(), pipe.empty() ? TimePoint() : pipe.back().at);
    pipe.push_back({at, std::string(bytes.first(count).text())});
    from.link->in_flight[from.side] += count;
    return count;
}

void SimulatedNetwork::finish(Endpoint& from) {
    if (from.link == nullptr || std::exchange(from.link->finished[from.side], true)) return;
    auto& pipe = from.link->pipe[from.side];
    pipe.push_back({std::max(later(), pipe.empty() ? TimePoint() : pipe.back().at), {}});
}

void SimulatedNetwork::reset(Link& link) {
    link.is_reset = true;
    for (const int side : {0, 1}) {
        link.pipe[side].clear();
        link.in_flight[side] = 0;
    }
}

void SimulatedNetwork::close_descriptor(int number) noexcept {
    auto& endpoint = *endpoints_.at(number);
    for (auto& [at, waiting] : endpoint.backlog) close_descriptor(waiting->number);
    if (auto& link = endpoint.link; link != nullptr) {
        // As TCP does: what is unread when a socket closes resets the connection.
        link->gone[endpoint.side] = true;
        const auto& unread = link->pipe[1 - endpoint.side];
        if (std::ranges::any_of(unread, [](const Segment& segment) { return !segment.bytes.empty(); }))
            reset(*link);
        else
            finish(endpoint);
    }
    endpoints_.erase(number);
}

std::optional<TimePoint> SimulatedNetwork::next_arrival() const {
    std::optional<TimePoint> out;
    auto note = [&](TimePoint at) {
        if (at > now() && (!out || at < *out)) out = at;
    };
    for (const auto& [number, endpoint] : endpoints_) {
        for (const auto& [at, waiting] : endpoint->backlog) note(at);
        if (endpoint->link != nullptr)
            for (const auto& segment : endpoint->link->pipe[1 - endpoint->side]) note(segment.at);
    }
    return out;
}

// The backend.

struct SimulatedNetwork::Entered final : Entry {
    Entered() = default;
    Descriptor descriptor;
    Endpoint* endpoint = nullptr;
    Operation* operation = nullptr;
    TimePoint operation_at;
    std::size_t credit = 0;
    bool accepting = false;
    bool cancelled = false;
    bool closed = false;
};

namespace {

SimulatedNetwork::Entered& entered(Entry& entry) { return static_cast<SimulatedNetwork::Entered&>(entry); }

}  // namespace

SimulatedBackend::SimulatedBackend(SimulatedNetwork& network) : network_(network) {}
SimulatedBackend::~SimulatedBackend() = default;

Result<Entry*> SimulatedBackend::enter(Descriptor owned, EntryOwner& owner) {
    auto entry = std::make_unique<Entered>();
    entry->owner(&owner);
    entry->endpoint = &network_.endpoint(owned.number());
    entry->endpoint->entry = entry.get();
    entry->descriptor = std::move(owned);
    auto* out = entry.get();
    entries_[out->descriptor.number()] = std::move(entry);
    return out;
}

bool SimulatedBackend::settle(Entry& settling) {
    auto& entry = entered(settling);
    entry.credit = 0;
    entry.accepting = false;
    return true;
}

Descriptor SimulatedBackend::leave(Entry& left) {
    auto& entry = entered(left);
    PENSTOCK_ASSERT(entry.operation == nullptr);
    auto out = std::move(entry.descriptor);
    entry.owner(nullptr);
    entry.closed = true;
    entry.endpoint->entry = nullptr;
    closed_.push_back(std::move(entries_.at(out.number())));
    entries_.erase(out.number());
    return out;
}

Result<Address> SimulatedBackend::local_address(const Entry& entry) const {
    return static_cast<const Entered&>(entry).endpoint->local;
}

void SimulatedBackend::arm_accept(Entry& entry, bool armed) { entered(entry).accepting = armed; }
void SimulatedBackend::arm_receive(Entry& entry, std::size_t credit_bytes) {
    entered(entry).credit = credit_bytes;
}

/// One attempt; true when the operation is complete.
bool SimulatedBackend::transfer(Entered& entry) {
    auto& operation = *entry.operation;
    auto& endpoint = *entry.endpoint;
    if (operation.kind == Operation::Kind::connect) {
        if (const auto connected = network_.connect(endpoint, operation.address); !connected)
            operation.done.error = connected.error();
        return true;
    }
    auto& link = *endpoint.link;
    if (network_.chance(network_.faults().reset)) network_.reset(link);
    if (link.is_reset || link.gone[1 - endpoint.side]) {
        operation.done.error = Error::os(link.is_reset ? ECONNRESET : EPIPE, "send");
        return true;
    }
    const auto whole = operation.data.size();
    const auto wanted = network_.portion(whole);
    while (operation.done.bytes < wanted) {
        const auto first = Bytes(operation.data.front());
        const auto took =
            network_.send(endpoint, first.first(std::min(first.size(), wanted - operation.done.bytes)));
        if (took == 0) break;
        operation.data.drop(took);
        operation.done.bytes += took;
    }
    return operation.done.bytes > 0;  // a short one is complete: the rest is submitted again
}

std::optional<Completion> SimulatedBackend::submit(Entry& target, Operation& operation) {
    auto& entry = entered(target);
    PENSTOCK_ASSERT(entry.operation == nullptr);
    operation.entry = &entry;
    operation.done = {};
    entry.operation = &operation;
    if (!network_.chance(network_.faults().late) && transfer(entry)) {
        entry.operation = nullptr;
        return operation.done;
    }
    entry.operation_at = network_.later();
    return {};
}

void SimulatedBackend::cancel(Operation& operation) { entered(*operation.entry).cancelled = true; }

Result<void> SimulatedBackend::finish(Entry& entry) {
    network_.finish(*entered(entry).endpoint);
    return {};
}

void SimulatedBackend::close(Entry& ended, bool reset) {
    auto& entry = entered(ended);
    if (std::exchange(entry.closed, true)) return;
    entry.owner(nullptr);
    if (reset && entry.endpoint->link != nullptr) network_.reset(*entry.endpoint->link);
    const int number = entry.descriptor.number();
    entry.endpoint = nullptr;
    entry.descriptor.close();
    closed_.push_back(std::move(entries_.at(number)));
    entries_.erase(number);
}

bool SimulatedBackend::is_ready(const Entered& entry) const {
    const auto& endpoint = *entry.endpoint;
    if (entry.accepting && !endpoint.backlog.empty() && endpoint.backlog.front().first <= network_.now())
        return true;
    if (entry.credit > 0 && network_.has_arrived(endpoint)) return true;
    if (entry.operation == nullptr) return false;
    if (entry.cancelled) return true;
    if (entry.operation_at > network_.now()) return false;
    if (entry.operation->kind == Operation::Kind::connect) return true;
    return network_.room(endpoint) > 0 || endpoint.link->is_reset || endpoint.link->gone[1 - endpoint.side];
}

bool SimulatedBackend::has_ready() const {
    if (std::ranges::any_of(closed_, [](const auto& entry) { return entry->operation != nullptr; }))
        return true;
    return std::ranges::any_of(entries_, [&](const auto& pair) { return is_ready(*pair.second); });
}

std::optional<TimePoint> SimulatedBackend::next_completion() const {
    std::optional<TimePoint> out;
    for (const auto& [number, entry] : entries_)
        if (entry->operation != nullptr && entry->operation_at > network_.now() &&
            (!out || entry->operation_at < *out))
            out = entry->operation_at;
    return out;
}

void SimulatedBackend::dispatch(Completions& completions) {
    for (auto& entry : closed_)
        if (auto* cut = std::exchange(entry->operation, nullptr)) completions.completed(*entry, *cut);
    std::vector<int> ready;
    for (const auto& [number, entry] : entries_)
        if (is_ready(*entry)) ready.push_back(number);
    while (!ready.empty()) {  // in an order of the seed's
        const auto at = static_cast<std::ptrdiff_t>(network_.random().below(ready.size()));
        const auto found = entries_.find(ready[static_cast<std::size_t>(at)]);
        ready.erase(ready.begin() + at);
        if (found != entries_.end()) step(*found->second, completions);
    }
}

void SimulatedBackend::step(Entered& entry, Completions& completions) {
    if (entry.operation != nullptr && (entry.cancelled || entry.operation_at <= network_.now())) {
        if (entry.cancelled) entry.operation->done.error = Error::os(ECANCELED);
        if (entry.cancelled || transfer(entry)) {
            entry.cancelled = false;
            completions.completed(entry, *std::exchange(entry.operation, nullptr));
        }
    }
    while (!entry.closed && entry.accepting) {
        auto accepted = network_.accept(*entry.endpoint);
        if (!accepted) break;
        completions.accepted(entry, std::move(accepted->first), accepted->second);
    }
    if (!entry.closed && entry.credit > 0 && network_.has_arrived(*entry.endpoint))
        receive(entry, completions);
}

void SimulatedBackend::receive(Entered& entry, Completions& completions) {
    auto& endpoint = *entry.endpoint;
    if (network_.chance(network_.faults().reset)) network_.reset(*endpoint.link);
    if (endpoint.link->is_reset) {
        entry.credit = 0;
        return completions.receive_failed(entry, Error::os(ECONNRESET, "receive"));
    }
    const auto segment =
        network_.take(endpoint, network_.portion(std::min<std::size_t>(entry.credit, core::slab_bytes)));
    if (!segment) return;
    if (segment->bytes.empty()) {
        entry.credit = 0;
        return completions.receive_end(entry);
    }
    entry.credit -= segment->bytes.size();
    completions.received(entry, Slice::copy(segment->bytes));
}

void SimulatedBackend::free_closed() {
    std::erase_if(closed_, [](const auto& entry) { return entry->operation == nullptr; });
}

}  // namespace penstock::events
