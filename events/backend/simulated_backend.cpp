// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/home.hpp>
#include <penstock/events/backend/simulated_backend.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::events {
namespace {

using Content = SimulatedTrace::Content;

SimulatedStream& stream_of(const SimulatedEntry& entry) {
    return static_cast<SimulatedStream&>(*entry.endpoint);
}
SimulatedListener& listener_of(const SimulatedEntry& entry) {
    return static_cast<SimulatedListener&>(*entry.endpoint);
}
SimulatedDatagramSocket& datagrams_of(const SimulatedEntry& entry) {
    return static_cast<SimulatedDatagramSocket&>(*entry.endpoint);
}
std::uint64_t number_of(const SimulatedEntry& entry) {
    return static_cast<std::uint64_t>(entry.endpoint->number);
}

std::size_t backlog_of(const ListenOptions& options) {
    return static_cast<std::size_t>(std::max(options.backlog, 0));
}

}  // namespace

SimulatedBackend::SimulatedBackend(SimulatedNetwork& network, int machine, std::string name)
    : network_(network), chance_(network.chance), machine_(machine), host_name_(std::move(name)) {}

/// Descriptors that close look at their other ends, which may be here too.
SimulatedBackend::~SimulatedBackend() {
    entries_.clear();
    closed_.clear();
}

// Descriptors.

Result<Descriptor> SimulatedBackend::open_listening(const Address& address, ListenOptions options) {
    auto& out = network_.make<SimulatedListener>(machine_);
    out.backlog_max = backlog_of(options);
    auto owned = network_.descriptor(out);
    if (auto bound = network_.bind(out, address, options.share_port); !bound) return fail(bound);
    note("listen", out.local);
    return owned;
}

Result<Descriptor> SimulatedBackend::open_stream(const Address& peer) {
    return network_.descriptor(network_.streams.open(machine_, peer));
}

Result<Descriptor> SimulatedBackend::open_datagram(const Address& local, const DatagramOptions& options) {
    const auto out = network_.datagrams.open(machine_, local, options);
    if (!out) return fail(out);
    note("open", (*out)->local);
    return network_.descriptor(**out);
}

Result<Descriptor> SimulatedBackend::open_unix_listening(const std::string& path, ListenOptions options) {
    auto& out = network_.make<SimulatedListener>(machine_);
    out.backlog_max = backlog_of(options);
    auto owned = network_.descriptor(out);
    if (auto bound = network_.bind_path(out, path); !bound) return fail(bound);
    note("listen", path);
    return owned;
}

Result<Descriptor> SimulatedBackend::open_unix_stream(const std::string& path) {
    const auto out = network_.streams.connect_unix(machine_, path);
    note("connect", path, out ? "done" : "refused");
    if (!out) return fail(out);
    return network_.descriptor(**out);
}

// Entries.

Result<Entry*> SimulatedBackend::enter(Descriptor owned, EntryOwner& owner) {
    if (owned.is_of_system()) return fail(Error::os(ENOTSUP, "a descriptor of the system in a simulation"));
    auto made = std::make_unique<SimulatedEntry>(*this);
    auto& entry = *made;
    entry.owner(&owner);
    entry.endpoint = network_.find(owned.number());
    PENSTOCK_ASSERT(entry.endpoint != nullptr && entry.endpoint->entry == nullptr);
    entry.endpoint->entry = &entry;
    entry.descriptor = std::move(owned);
    entry.place = entries_.size();
    entries_.push_back(std::move(made));
    note("enter", number_of(entry));
    return &entry;
}

/// Out of the list of what lives; freed at the end of the turn.
void SimulatedBackend::retire(SimulatedEntry& entry) {
    entry.is_closed = true;
    auto& last = entries_.back();
    last->place = entry.place;
    std::swap(entries_[entry.place], last);
    closed_.push_back(std::move(entries_.back()));
    entries_.pop_back();
}

void SimulatedBackend::disarm(SimulatedEntry& entry) {
    entry.credit = entry.former_credit = 0;
    entry.is_accepting = entry.takes_datagrams = entry.is_settling = false;
}

bool SimulatedBackend::settle(Entry& settling) {
    auto& entry = entered(settling);
    PENSTOCK_ASSERT(entry.operation == nullptr && !entry.is_closed);
    if (entry.is_settling) return false;
    entry.credit = std::max(entry.credit, entry.former_credit);
    const bool is_armed = entry.credit > 0 || entry.is_accepting || entry.takes_datagrams;
    if (!is_armed || !chance_.happens(chance_.faults().late)) {
        disarm(entry);
        return true;
    }
    note("settle", number_of(entry));
    entry.is_settling = true;  // until then what is armed may bring something
    look_later(entry, chance_.later());
    return false;
}

Descriptor SimulatedBackend::leave(Entry& left) {
    auto& entry = entered(left);
    PENSTOCK_ASSERT(entry.operation == nullptr && !entry.is_closed);
    note("leave", number_of(entry));
    auto out = std::move(entry.descriptor);
    entry.owner(nullptr);
    std::exchange(entry.endpoint, nullptr)->entry = nullptr;
    retire(entry);
    return out;
}

Result<Address> SimulatedBackend::local_address(const Entry& entry) const {
    return static_cast<const SimulatedEntry&>(entry).endpoint->local;
}

void SimulatedBackend::arm_accept(Entry& entry, bool armed) {
    entered(entry).is_accepting = armed;
    look(entered(entry));
}

void SimulatedBackend::arm_receive(Entry& entry, std::size_t credit_bytes) {
    auto& armed = entered(entry);
    armed.former_credit = credit_bytes > 0 ? 0 : std::max(armed.credit, armed.former_credit);
    armed.credit = std::min(credit_bytes, credit_unlimited);
    look(armed);
}

void SimulatedBackend::arm_datagrams(Entry& entry, bool armed) {
    entered(entry).takes_datagrams = armed;
    look(entered(entry));
}

std::optional<Completion> SimulatedBackend::submit(Entry& target, Operation& operation) {
    auto& entry = entered(target);
    PENSTOCK_ASSERT(entry.operation == nullptr && !entry.is_closed);
    operation.entry = &entry;
    operation.done = {};
    entry.operation = &operation;
    entry.is_cancelled = false;
    entry.operation_at = {};
    entry.tries = 0;
    if (!chance_.happens(chance_.faults().late) && go_on(entry)) {
        entry.operation = nullptr;
        return operation.done;
    }
    note("submitted", number_of(entry));
    if (entry.operation_at <= chance_.now()) look_later(entry, chance_.later());
    return {};
}

void SimulatedBackend::look_later(SimulatedEntry& entry, TimePoint at) {
    entry.operation_at = at;
    network_.look_at(at, *entry.endpoint);
}

void SimulatedBackend::cancel(Operation& operation) {
    auto& entry = entered(*operation.entry);
    PENSTOCK_ASSERT(entry.operation == &operation);
    note("cancel", number_of(entry));
    entry.is_cancelled = true;
    if (chance_.happens(chance_.faults().late)) return look_later(entry, chance_.later());
    entry.operation_at = chance_.now();
    look(entry);
}

Result<void> SimulatedBackend::finish(Entry& entry) {
    auto& stream = stream_of(entered(entry));
    note("finish", number_of(entered(entry)));
    if (network_.streams.is_broken(stream)) return fail(Error::os(ENOTCONN, "shutdown"));
    network_.streams.finish(stream);
    return {};
}

void SimulatedBackend::close(Entry& ended, bool reset) {
    auto& entry = entered(ended);
    if (entry.is_closed) return;
    note(reset ? "abort" : "close", number_of(entry));
    entry.owner(nullptr);
    disarm(entry);
    network_.shut(*entry.endpoint, reset);
    retire(entry);
    if (entry.operation == nullptr) {
        entry.endpoint = nullptr;
        return entry.descriptor.close();
    }
    entry.not_before = {};
    cancel(*entry.operation);  // its block comes back, now or later; the descriptor is closed then
}

void SimulatedBackend::free_closed() {
    std::erase_if(closed_,
                  [](const auto& entry) { return entry->operation == nullptr && !entry->is_queued; });
}

void SimulatedBackend::wake() noexcept {
    if (!std::exchange(is_woken_, true)) note("woken");
}

// What can go on.

void SimulatedBackend::look(SimulatedEntry& entry) {
    if (entry.is_queued || !is_ready(entry)) return;
    entry.is_queued = true;
    ready_.push_back(&entry);
}

bool SimulatedBackend::is_ready(const SimulatedEntry& entry) const {
    if (entry.endpoint == nullptr || entry.not_before > chance_.now()) return false;
    return can_go_on(entry) || can_settle(entry) || (!entry.is_closed && has_arrived(entry));
}

/// The operation in flight.
bool SimulatedBackend::can_go_on(const SimulatedEntry& entry) const {
    if (entry.operation == nullptr || entry.operation_at > chance_.now()) return false;
    if (entry.is_cancelled || entry.operation->kind != Operation::Kind::send) return true;
    const auto& stream = stream_of(entry);
    return network_.streams.room(stream) > 0 || network_.streams.error(stream) != 0;
}

/// Something that an armed operation would bring.
bool SimulatedBackend::has_arrived(const SimulatedEntry& entry) const {
    if (entry.is_accepting) {
        const auto& backlog = listener_of(entry).backlog;
        return !backlog.empty() && backlog.front().at <= chance_.now();
    }
    if (entry.takes_datagrams) return network_.datagrams.has_arrived(datagrams_of(entry));
    return entry.credit > 0 && network_.streams.has_arrived(stream_of(entry));
}

void SimulatedBackend::dispatch(Completions& completions) {
    stepping_.swap(ready_);
    for (auto left = stepping_.size(); left > 0; --left) {  // in an order of the seed's
        std::swap(stepping_[chance_.below(left)], stepping_[left - 1]);
        auto& entry = *stepping_[left - 1];
        entry.is_queued = false;
        if (!is_ready(entry)) continue;
        if (!entry.is_closed && chance_.happens(chance_.faults().again)) {
            note("again", number_of(entry));
            entry.not_before = chance_.later();
            network_.look_at(entry.not_before, *entry.endpoint);
            continue;
        }
        step(entry, completions);
        look(entry);
    }
    stepping_.clear();
}

void SimulatedBackend::step(SimulatedEntry& entry, Completions& completions) {
    const auto go_on_or_settle = [&] {
        if (entry.endpoint == nullptr) return;
        if (can_go_on(entry)) return end_operation(entry, completions);
        if (!can_settle(entry)) return;
        disarm(entry);
        note("settled", number_of(entry));
        completions.settled(entry);
    };
    const bool is_first = chance_.coin();
    if (is_first) go_on_or_settle();
    if (!entry.is_closed && has_arrived(entry)) bring(entry, completions);
    if (!is_first) go_on_or_settle();
}

// Operations.

void SimulatedBackend::end_operation(SimulatedEntry& entry, Completions& completions) {
    auto& operation = *entry.operation;
    if (entry.is_closed) {
        entry.operation = nullptr;
        operation.done.error = Error::os(ECANCELED);
        note("swallowed", number_of(entry));
        completions.completed(entry, operation);
        entry.endpoint = nullptr;
        return entry.descriptor.close();
    }
    // One that is cancelled may get on, or even be done, before the system hears of it.
    const auto before = operation.done.bytes;
    const bool is_done =
        (!entry.is_cancelled || chance_.happens(chance_.faults().late)) &&
        (go_on(entry) || (operation.kind == Operation::Kind::send && operation.done.bytes > before));
    if (entry.is_cancelled) {
        const bool is_whole = operation.kind == Operation::Kind::connect ? is_done
                              : operation.kind == Operation::Kind::send  ? operation.data.empty()
                                                                         : operation.datagrams.empty();
        if (!is_whole && !operation.done.error) operation.done.error = Error::os(ECANCELED);
        note("cancelled", number_of(entry), operation.done.bytes);
    } else if (!is_done) {
        if (entry.operation_at <= chance_.now()) look_later(entry, chance_.later());
        return;
    }
    entry.operation = nullptr;
    entry.is_cancelled = false;
    completions.completed(entry, operation);
}

/// True when it is complete.
bool SimulatedBackend::go_on(SimulatedEntry& entry) {
    switch (entry.operation->kind) {
        case Operation::Kind::connect: return connect(entry);
        case Operation::Kind::send: return send(entry);
        case Operation::Kind::send_datagrams: return send_datagrams(entry);
    }
    std::unreachable();
}

bool SimulatedBackend::connect(SimulatedEntry& entry) {
    auto& operation = *entry.operation;
    auto& stream = stream_of(entry);
    if (entry.tries == 0 && chance_.happens(chance_.faults().half_open)) stream.is_silent = true;
    using Connected = SimulatedStreams::Connected;
    const auto connected = entry.tries < SimulatedStreams::connect_tries_max
                               ? network_.streams.connect(stream, operation.address)
                               : Connected::unanswered;
    switch (connected) {
        case Connected::yes: note("connect", number_of(entry), stream.local, operation.address); return true;
        case Connected::refused:
            note("refused", number_of(entry), operation.address);
            operation.done.error = Error::os(ECONNREFUSED, "connect");
            return true;
        case Connected::unanswered: break;
    }
    note("unanswered", number_of(entry), operation.address);
    if (entry.tries == SimulatedStreams::connect_tries_max) {
        operation.done.error = Error::os(ETIMEDOUT, "connect");
        return true;
    }
    look_later(entry, chance_.now() + SimulatedStreams::first_retry * (1 << entry.tries++));
    return false;
}

bool SimulatedBackend::send(SimulatedEntry& entry) {
    auto& operation = *entry.operation;
    auto& stream = stream_of(entry);
    auto& streams = network_.streams;
    const auto& faults = chance_.faults();
    if (!stream.is_unix && chance_.happens(faults.half_open)) {
        note("silent", number_of(entry));
        streams.silence(stream);
    }
    const bool breaks = !stream.is_unix && chance_.happens(faults.reset);
    if (streams.error(stream) == 0) {
        auto most = std::min(operation.data.size(), streams.room(stream));
        if (most > 0) most = breaks ? chance_.below(most + 1) : chance_.portion(most);
        std::string bytes;
        bytes.resize_and_overwrite(most, [&](char* room, std::size_t) {
            operation.data.copy_to(reinterpret_cast<std::byte*>(room), most);
            return most;
        });
        operation.data.drop(most);
        operation.done.bytes += most;
        note("send", number_of(entry), Content{Bytes(bytes)});
        if (most > 0) streams.send(stream, std::move(bytes));
        if (breaks) {
            note("broken", number_of(entry));
            streams.break_off(stream);
        }
    }
    if (const int error = streams.error(stream); error != 0) {
        operation.done.error = Error::os(error, "send");
        return true;
    }
    if (operation.data.empty()) return true;
    return operation.done.bytes > 0 && chance_.coin();  // a short one is complete, or goes on
}

bool SimulatedBackend::send_datagrams(SimulatedEntry& entry) {
    auto& operation = *entry.operation;
    auto& all = operation.datagrams;
    if (all.empty()) return true;
    const auto count = chance_.portion(all.size());
    for (std::size_t i = 0; i < count; ++i) {
        const int error = network_.datagrams.send(datagrams_of(entry), all[i]);
        note("datagram", number_of(entry), all[i].peer, Content{all[i].data}, error == 0 ? "" : "refused");
        if (error == 0) {
            operation.done.bytes += all[i].data.size();
        } else {
            operation.done.error = Error::os(error, "send");
            ++operation.refused;
        }
    }
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
    return all.empty();
}

// What arrives.

void SimulatedBackend::bring(SimulatedEntry& entry, Completions& completions) {
    if (entry.is_accepting) return accept(entry, completions);
    if (entry.takes_datagrams) return receive_datagrams(entry, completions);
    receive(entry, completions);
}

void SimulatedBackend::accept(SimulatedEntry& entry, Completions& completions) {
    while (!entry.is_closed && entry.is_accepting && has_arrived(entry)) {
        if (chance_.happens(chance_.faults().accept_failure)) {
            note("accept fails", number_of(entry));
            entry.is_accepting = false;
            return completions.accept_failed(entry, Error::os(EMFILE, "accept"));
        }
        auto& accepted = *network_.streams.accept(listener_of(entry));
        note("accept", number_of(entry), static_cast<std::uint64_t>(accepted.number), accepted.peer);
        completions.accepted(entry, network_.descriptor(accepted), accepted.peer);
    }
}

void SimulatedBackend::receive(SimulatedEntry& entry, Completions& completions) {
    auto& stream = stream_of(entry);
    auto& streams = network_.streams;
    const auto& faults = chance_.faults();
    if (!stream.is_unix && chance_.happens(faults.reset)) {
        note("broken", number_of(entry));
        streams.break_off(stream);
        if (!streams.has_arrived(stream)) return;
    }
    auto& filler = core::Home::current()->incoming();
    constexpr std::size_t least = 4096;
    const auto room = filler.room(least);
    const auto most = chance_.portion(std::min({entry.credit, room.size(), core::slab_bytes}));
    if (const auto count = streams.take(stream, room.first(most)); count > 0) {
        if (entry.credit != credit_unlimited) entry.credit -= count;
        auto slice = filler.fill(count);
        note("receive", number_of(entry), Content{slice});
        return completions.received(entry, std::move(slice));
    }
    entry.credit = 0;
    if (streams.take_mark(stream) == SimulatedStream::Mark::end) {
        note("end", number_of(entry));
        return completions.receive_end(entry);
    }
    note("receive fails", number_of(entry));
    completions.receive_failed(entry, Error::os(stream.broken, "receive"));
}

void SimulatedBackend::receive_datagrams(SimulatedEntry& entry, Completions& completions) {
    auto& socket = datagrams_of(entry);
    if (const int error = network_.datagrams.take_error(socket); error != 0) {
        note("receive fails", number_of(entry));
        entry.takes_datagrams = false;
        return completions.receive_failed(entry, Error::os(error, "receive"));
    }
    auto batch = std::move(received_);  // the owner may read another socket inside
    network_.datagrams.take(socket, chance_.portion(SimulatedDatagrams::batch_max), batch);
    for (const auto& datagram : batch)
        note("receive", number_of(entry), datagram.peer, Content{datagram.data},
             datagram.is_cut ? "cut" : "");
    completions.datagrams(entry, batch);
    batch.clear();
    received_ = std::move(batch);
}

}  // namespace penstock::events
