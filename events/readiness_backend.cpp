// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/home.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/detail/os_datagram.hpp>
#include <penstock/events/detail/os_socket.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace penstock::events {

/// 32 bytes: there is one for each connection.
struct ReadinessBackend::Watched final : Entry {
    Watched() = default;

    union {
        Operation* operation = nullptr;  // the one in flight
        Watched* next_free;
    };
    int number = -1;
    std::uint32_t credit = 0;  // of the armed receive
    Descriptor::Kind kind = Descriptor::Kind::other;
    bool is_shared : 1 = false;
    bool polls_read : 1 = false;
    bool polls_write : 1 = false;
    bool accepting : 1 = false;
    bool takes_datagrams : 1 = false;
    bool merges_datagrams : 1 = true;
    bool readable : 1 = false;
    bool writable : 1 = false;
    bool hung_up : 1 = false;  // the end will come: a short read does not mean drained
    bool watches_write : 1 = false;
    bool cancelled : 1 = false;
    bool queued : 1 = false;
    bool closed : 1 = false;

    bool wants() const {
        if (closed) return false;
        return (readable && (credit > 0 || accepting || takes_datagrams || polls_read)) ||
               (writable && (operation != nullptr || polls_write)) || cancelled;
    }
    /// Deregistered by who calls.
    Descriptor give_up() {
        Descriptor out(std::exchange(number, -1), kind);
        out.shared(is_shared);
        return out;
    }
};

struct ReadinessBackend::DatagramRooms {
    detail::DatagramReader reader;
    detail::DatagramWriter writer;
    std::vector<Datagram> read;
};

ReadinessBackend::ReadinessBackend() = default;
ReadinessBackend::~ReadinessBackend() {
    for (auto* entry : by_number_)
        if (entry != nullptr) entry->give_up().close();
}

Result<Descriptor> Backend::open_listening(const Address& address, ListenOptions options) {
    return detail::open_listening(address, options);
}
Result<Descriptor> Backend::open_stream(const Address& peer) { return detail::open_stream(peer); }
Result<Descriptor> Backend::open_datagram(const Address& local, const DatagramOptions& options) {
    return detail::open_datagram(local, options);
}
Result<Descriptor> Backend::open_unix_listening(const std::string& path, ListenOptions options) {
    return detail::open_unix_listening(path, options);
}
Result<Descriptor> Backend::open_unix_stream(const std::string& path) {
    return detail::open_unix_stream(path);
}

ReadinessBackend::Watched& ReadinessBackend::watched(Entry& entry) { return static_cast<Watched&>(entry); }

Result<Entry*> ReadinessBackend::enter(Descriptor owned, EntryOwner& owner) {
    PENSTOCK_ASSERT(owned.is_of_system());
    if (auto begun = watch(owned.number(), {.read = true}, true); !begun) return fail(begun);
    if (free_ == nullptr) {
        constexpr std::size_t block = 64;
        blocks_.push_back(std::make_unique<Watched[]>(block));
        for (std::size_t i = 0; i < block; ++i) {
            blocks_.back()[i].next_free = free_;
            free_ = &blocks_.back()[i];
        }
    }
    auto& entry = *free_;
    free_ = entry.next_free;
    entry = Watched{};
    entry.owner(&owner);
    entry.writable = owned.kind() != Descriptor::Kind::listening;  // tried before it is waited for
    entry.kind = owned.kind();
    entry.is_shared = owned.is_shared();
    entry.number = owned.release();
    const auto number = static_cast<std::size_t>(entry.number);
    if (by_number_.size() <= number) by_number_.resize(number + 1);
    by_number_[number] = &entry;
    return &entry;
}

bool ReadinessBackend::settle(Entry& settling) {
    auto& entry = watched(settling);
    entry.credit = 0;
    entry.accepting = entry.takes_datagrams = entry.polls_read = entry.polls_write = false;
    return true;
}

Descriptor ReadinessBackend::leave(Entry& left) {
    auto& entry = watched(left);
    PENSTOCK_ASSERT(entry.operation == nullptr && !entry.closed);
    forget(entry.number, false);
    by_number_[static_cast<std::size_t>(entry.number)] = nullptr;
    auto out = entry.give_up();
    entry.owner(nullptr);
    entry.closed = true;
    closed_.push_back(&entry);
    return out;
}

Result<Address> ReadinessBackend::local_address(const Entry& entry) const {
    return detail::local_address(static_cast<const Watched&>(entry).number);
}

void ReadinessBackend::queue(Watched& entry) {
    if (entry.queued || !entry.wants()) return;
    entry.queued = true;
    ready_.push_back(&entry);
}

void ReadinessBackend::arm_accept(Entry& armed, bool is) {
    auto& entry = watched(armed);
    entry.accepting = is;
    queue(entry);
}

void ReadinessBackend::arm_receive(Entry& armed, std::size_t credit_bytes) {
    auto& entry = watched(armed);
    entry.credit = static_cast<std::uint32_t>(std::min(credit_bytes, credit_unlimited));
    queue(entry);
}

void ReadinessBackend::arm_datagrams(Entry& armed, bool is) {
    auto& entry = watched(armed);
    entry.takes_datagrams = is;
    queue(entry);
}

void ReadinessBackend::arm_poll(Entry& armed, Interest interest) {
    auto& entry = watched(armed);
    entry.polls_read = interest.read;
    entry.polls_write = interest.write;
    if (!interest.read && !interest.write) return;
    entry.watches_write = entry.watches_write || interest.write;
    const auto begun = watch(entry.number, {.read = true, .write = entry.watches_write}, false);
    if (interest.read) entry.readable = !begun;
    if (interest.write) entry.writable = !begun;
    queue(entry);
}

void ReadinessBackend::Ready::add(int number, Interest interest, bool ended) {
    const auto at = static_cast<std::size_t>(number);
    if (at >= backend_.by_number_.size() || backend_.by_number_[at] == nullptr) return;
    auto& entry = *backend_.by_number_[at];
    entry.hung_up = entry.hung_up || ended;
    entry.readable = entry.readable || interest.read || ended;
    entry.writable = entry.writable || interest.write || ended;
    backend_.queue(entry);
}

Interest ReadinessBackend::unknown(int number) const {
    const auto at = static_cast<std::size_t>(number);
    if (at >= by_number_.size() || by_number_[at] == nullptr) return {};
    const auto& entry = *by_number_[at];
    return {.read = !entry.readable, .write = entry.watches_write && !entry.writable};
}

void ReadinessBackend::wait(std::chrono::nanoseconds at_most) {
    Ready ready(*this);
    poll_ready(has_ready() ? std::chrono::nanoseconds(0) : at_most, ready);
}

void ReadinessBackend::dispatch(Completions& completions) {
    stepping_.swap(ready_);
    const auto bytes_max = stepping_.size() == 1 ? alone_bytes_max : turn_bytes_max;
    for (auto* entry : stepping_) {
        entry->queued = false;
        if (entry->closed) {
            if (auto* cut = std::exchange(entry->operation, nullptr)) completions.completed(*entry, *cut);
            continue;
        }
        step(*entry, bytes_max, completions);
        queue(*entry);
    }
    stepping_.clear();
}

void ReadinessBackend::step(Watched& entry, std::size_t bytes_max, Completions& completions) {
    if (entry.operation != nullptr && (entry.writable || entry.cancelled)) end_operation(entry, completions);
    if (entry.accepting && entry.readable && !entry.closed) accept(entry, completions);
    if (entry.credit > 0 && entry.readable && !entry.closed) receive(entry, bytes_max, completions);
    if (entry.takes_datagrams && entry.readable && !entry.closed)
        receive_datagrams(entry, bytes_max, completions);
    const Interest polled{entry.polls_read && entry.readable, entry.polls_write && entry.writable};
    if ((polled.read || polled.write) && !entry.closed) {
        if (polled.read) entry.readable = false;
        if (polled.write) entry.writable = false;
        completions.ready(entry, polled);
    }
}

void ReadinessBackend::end_operation(Watched& entry, Completions& completions) {
    auto& operation = *entry.operation;
    const auto before = operation.done.bytes;
    if (entry.cancelled) {
        operation.done.error = Error::os(ECANCELED);
    } else if (!go_on(entry, operation)) {
        // The owner learns that a slow peer takes something: its limits of time hang on it.
        if (operation.kind != Operation::Kind::send || operation.done.bytes == before) return;
    }
    entry.cancelled = false;
    entry.operation = nullptr;
    completions.completed(entry, operation);
}

/// True when it is complete.
bool ReadinessBackend::go_on(Watched& entry, Operation& operation) {
    switch (operation.kind) {
        case Operation::Kind::connect:
            operation.done.error = detail::connect_error(entry.number);
            return true;
        case Operation::Kind::send: return send(entry, operation);
        case Operation::Kind::send_datagrams: return send_datagrams(entry, operation);
    }
    std::unreachable();
}

void ReadinessBackend::accept(Watched& entry, Completions& completions) {
    for (std::size_t i = 0; i < accepts_per_turn_max && entry.accepting && !entry.closed; ++i) {
        Address peer;
        auto accepted = detail::accept(entry.number, peer);
        if (accepted) {
            completions.accepted(entry, std::move(*accepted), peer);
            continue;
        }
        switch (accepted.error().code()) {
            case EAGAIN: entry.readable = false; return;
            case EINTR:
            case ECONNABORTED:
            case EPROTO: continue;  // that connection is gone, the next may be there
            default:                // EMFILE and its like: the owner waits and arms again
                entry.accepting = false;
                return completions.accept_failed(entry, accepted.error());
        }
    }
}

void ReadinessBackend::receive(Watched& entry, std::size_t bytes_max, Completions& completions) {
    auto& filler = core::Home::current()->incoming();
    constexpr std::size_t least = 4096;  // shorter rooms cut a read in two
    const bool is_stream = entry.kind == Descriptor::Kind::stream;
    while (entry.credit > 0 && entry.readable && !entry.closed && bytes_max > 0) {
        const auto room = filler.room(least);
        const auto most = std::min({room.size(), std::size_t(entry.credit), bytes_max});
        const auto got = is_stream ? ::recv(entry.number, room.data(), most, MSG_DONTWAIT)
                                   : ::read(entry.number, room.data(), most);
        if (got > 0) {
            const auto count = static_cast<std::size_t>(got);
            if (entry.credit != credit_unlimited) entry.credit -= static_cast<std::uint32_t>(count);
            bytes_max -= count;
            if (count < most && !entry.hung_up)
                entry.readable = false;  // drained: the next edge will say more
            completions.received(entry, filler.fill(count));
        } else if (got == 0) {
            entry.credit = 0;
            return completions.receive_end(entry);
        } else if (errno == EAGAIN) {
            entry.readable = false;
        } else if (errno != EINTR) {
            entry.credit = 0;
            return completions.receive_failed(entry, Error::os(errno, "receive"));
        }
    }
}

ReadinessBackend::DatagramRooms& ReadinessBackend::datagram_rooms() {
    if (datagram_rooms_ == nullptr) datagram_rooms_ = std::make_unique<DatagramRooms>();
    return *datagram_rooms_;
}

void ReadinessBackend::receive_datagrams(Watched& entry, std::size_t bytes_max, Completions& completions) {
    constexpr std::size_t bytes_least = 128;  // as which an empty one counts: it costs time too
    auto& rooms = datagram_rooms();
    while (entry.takes_datagrams && entry.readable && !entry.closed && bytes_max > 0) {
        auto batch =
            std::move(rooms.read);  // the owner may close this socket, and another may be read inside
        const auto got = rooms.reader.read(entry.number, batch);
        if (got.pieces < detail::DatagramReader::batch_max && !got.error) entry.readable = false;
        if (got.error) entry.takes_datagrams = false;
        for (const auto& datagram : batch)
            bytes_max -= std::min(bytes_max, std::max(datagram.data.size(), bytes_least));
        if (!batch.empty()) completions.datagrams(entry, batch);
        batch.clear();
        rooms.read = std::move(batch);
        if (got.error && !entry.closed) completions.receive_failed(entry, got.error);
    }
}

bool ReadinessBackend::send_datagrams(Watched& entry, Operation& operation) {
    bool merge = entry.merges_datagrams;
    const bool all = datagram_rooms().writer.send(entry.number, operation, merge);
    entry.merges_datagrams = merge;
    return all || wait_writable(entry, operation);
}

bool ReadinessBackend::wait_writable(Watched& entry, Operation& operation) {
    entry.writable = false;
    if (entry.watches_write) return false;
    entry.watches_write = true;
    const auto begun = watch(entry.number, {.read = true, .write = true}, false);
    if (begun) return false;
    operation.done.error = begun.error();
    return true;
}

/// True when it is complete.
bool ReadinessBackend::send(Watched& entry, Operation& operation) {
    return detail::send_stream(entry.number, entry.kind, operation) || wait_writable(entry, operation);
}

std::optional<Completion> ReadinessBackend::submit(Entry& target, Operation& operation) {
    auto& entry = watched(target);
    PENSTOCK_ASSERT(entry.operation == nullptr);
    operation.entry = &entry;
    operation.done = {};
    bool is_done = false;
    if (operation.kind == Operation::Kind::connect) {
        const auto begun = detail::connect(entry.number, operation.address);
        if (begun) return Completion{};
        if (begun.error().code() != EINPROGRESS) return Completion{0, begun.error()};
        is_done = wait_writable(entry, operation);
    } else if (entry.writable) {
        is_done = go_on(entry, operation);
    }
    if (is_done) return operation.done;
    entry.operation = &operation;
    queue(entry);
    return {};
}

void ReadinessBackend::cancel(Operation& operation) {
    auto& entry = watched(*operation.entry);
    PENSTOCK_ASSERT(entry.operation == &operation);
    entry.cancelled = true;
    queue(entry);
}

Result<void> ReadinessBackend::finish(Entry& entry) {
    if (::shutdown(watched(entry).number, SHUT_WR) != 0) return fail(Error::os(errno, "shutdown"));
    return {};
}

void ReadinessBackend::close(Entry& ended, bool reset) {
    auto& entry = watched(ended);
    if (entry.closed) return;
    entry.closed = true;
    entry.owner(nullptr);
    forget(entry.number, !entry.is_shared);
    if (reset) detail::reset_on_close(entry.number);
    by_number_[static_cast<std::size_t>(entry.number)] = nullptr;
    entry.give_up().close();
    closed_.push_back(&entry);
    if (entry.operation != nullptr && !entry.queued) {  // to be swallowed
        entry.queued = true;
        ready_.push_back(&entry);
    }
}

void ReadinessBackend::free_closed() {
    std::size_t kept = 0;
    for (auto* entry : closed_) {
        if (entry->queued) {  // still in the list of the next turn, which will let go of it
            closed_[kept++] = entry;
            continue;
        }
        *entry = Watched{};
        entry->next_free = free_;
        free_ = entry;
    }
    closed_.resize(kept);
}

}  // namespace penstock::events
