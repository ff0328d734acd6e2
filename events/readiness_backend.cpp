// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/home.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/detail/os_socket.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace penstock::events {

struct ReadinessBackend::Watched final : Entry {
    Watched() = default;

    Descriptor descriptor;
    Operation* operation = nullptr;  // the connect or send in flight
    std::size_t credit = 0;          // of the armed receive
    Watched* next_free = nullptr;
    Interest poll{};
    bool accepting = false;
    bool readable = false;
    bool writable = false;
    bool hung_up = false;  // the end will come: a short read does not mean drained
    bool watches_write = false;
    bool cancelled = false;
    bool queued = false;
    bool closed = false;

    bool wants() const {
        if (closed) return false;
        return (readable && (credit > 0 || accepting || poll.read)) ||
               (writable && (operation != nullptr || poll.write)) || cancelled;
    }
};

ReadinessBackend::ReadinessBackend() = default;
ReadinessBackend::~ReadinessBackend() = default;

Result<Descriptor> Backend::open_listening(const Address& address, ListenOptions options) {
    return detail::open_listening(address, options);
}
Result<Descriptor> Backend::open_stream(const Address& peer) { return detail::open_stream(peer); }
Result<Address> Backend::local_address(const Descriptor& descriptor) {
    return detail::local_address(descriptor.number());
}

ReadinessBackend::Watched& ReadinessBackend::watched(Entry& entry) { return static_cast<Watched&>(entry); }

Result<Entry*> ReadinessBackend::enter(Descriptor owned, EntryOwner& owner) {
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
    const auto number = static_cast<std::size_t>(owned.number());
    entry.writable = owned.kind() == Descriptor::Kind::stream;  // tried before it is waited for
    entry.descriptor = std::move(owned);
    if (by_number_.size() <= number)
        by_number_.resize(std::max<std::size_t>(number + 1, by_number_.size() * 2));
    by_number_[number] = &entry;
    return &entry;
}

Descriptor ReadinessBackend::leave(Entry& left) {
    auto& entry = watched(left);
    PENSTOCK_ASSERT(entry.operation == nullptr && !entry.closed);
    const int number = entry.descriptor.number();
    forget(number);
    by_number_[static_cast<std::size_t>(number)] = nullptr;
    auto out = std::move(entry.descriptor);
    entry.owner(nullptr);
    entry.closed = true;
    closed_.push_back(&entry);
    return out;
}

const Descriptor& ReadinessBackend::descriptor(const Entry& entry) const {
    return static_cast<const Watched&>(entry).descriptor;
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
    entry.credit = credit_bytes;
    queue(entry);
}

void ReadinessBackend::arm_poll(Entry& armed, Interest interest) {
    auto& entry = watched(armed);
    entry.poll = interest;
    if (interest.write && !entry.watches_write) {
        entry.watches_write = true;
        if (!watch(entry.descriptor.number(), {.read = true, .write = true}, false)) entry.writable = true;
    }
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
    const Interest polled{entry.poll.read && entry.readable, entry.poll.write && entry.writable};
    if ((polled.read || polled.write) && !entry.closed) {
        if (polled.read) entry.readable = false;
        if (polled.write) entry.writable = false;
        completions.ready(entry, polled);
    }
}

void ReadinessBackend::end_operation(Watched& entry, Completions& completions) {
    auto& operation = *entry.operation;
    if (entry.cancelled)
        operation.done.error = Error::os(ECANCELED);
    else if (!(operation.kind == Operation::Kind::send ? send(entry, operation)
                                                       : connected(entry, operation)))
        return;
    entry.cancelled = false;
    entry.operation = nullptr;
    completions.completed(entry, operation);
}

void ReadinessBackend::accept(Watched& entry, Completions& completions) {
    for (std::size_t i = 0; i < accepts_per_turn_max && entry.accepting && !entry.closed; ++i) {
        Address peer;
        auto accepted = detail::accept(entry.descriptor.number(), peer);
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
    const bool is_stream = entry.descriptor.kind() == Descriptor::Kind::stream;
    while (entry.credit > 0 && entry.readable && !entry.closed && bytes_max > 0) {
        const auto room = filler.room(least);
        const auto most = std::min({room.size(), entry.credit, bytes_max});
        const auto got = is_stream ? ::recv(entry.descriptor.number(), room.data(), most, MSG_DONTWAIT)
                                   : ::read(entry.descriptor.number(), room.data(), most);
        if (got > 0) {
            const auto count = static_cast<std::size_t>(got);
            entry.credit -= count;
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

bool ReadinessBackend::wait_writable(Watched& entry, Operation& operation) {
    entry.writable = false;
    if (entry.watches_write) return false;
    entry.watches_write = true;
    const auto begun = watch(entry.descriptor.number(), {.read = true, .write = true}, false);
    if (begun) return false;
    operation.done.error = begun.error();
    return true;
}

namespace {

ssize_t send_gathered(int number, const Chain& data) {
    std::array<Bytes, ReadinessBackend::gather_max> views;
    std::array<iovec, ReadinessBackend::gather_max> pieces;
    const auto count = data.views(views);
    for (std::size_t i = 0; i < count; ++i)
        pieces[i] = {const_cast<std::byte*>(views[i].data()), views[i].size()};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    return ::sendmsg(number, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

/// True when it is complete.
bool ReadinessBackend::send(Watched& entry, Operation& operation) {
    const int number = entry.descriptor.number();
    while (!operation.data.empty()) {
        const auto& first = operation.data.front();
        const auto sent = first.size() == operation.data.size()
                              ? ::send(number, first.data(), first.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
                              : send_gathered(number, operation.data);
        if (sent >= 0) {
            operation.data.drop(static_cast<std::size_t>(sent));
            operation.done.bytes += static_cast<std::size_t>(sent);
        } else if (errno == EAGAIN) {
            return wait_writable(entry, operation);
        } else if (errno != EINTR) {
            operation.done.error = Error::os(errno, "send");
            return true;
        }
    }
    return true;
}

bool ReadinessBackend::connected(Watched& entry, Operation& operation) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(entry.descriptor.number(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) operation.done.error = Error::os(error, "connect");
    return true;
}

std::optional<Completion> ReadinessBackend::submit(Entry& target, Operation& operation) {
    auto& entry = watched(target);
    PENSTOCK_ASSERT(entry.operation == nullptr);
    operation.entry = &entry;
    operation.done = {};
    bool is_done = false;
    if (operation.kind == Operation::Kind::connect) {
        const auto begun = detail::connect(entry.descriptor.number(), operation.address);
        if (begun) return Completion{};
        if (begun.error().code() != EINPROGRESS) return Completion{0, begun.error()};
        is_done = wait_writable(entry, operation);
    } else if (entry.writable) {
        is_done = send(entry, operation);
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
    if (::shutdown(descriptor(entry).number(), SHUT_WR) != 0) return fail(Error::os(errno, "shutdown"));
    return {};
}

void ReadinessBackend::close(Entry& ended, bool reset) {
    auto& entry = watched(ended);
    if (entry.closed) return;
    entry.closed = true;
    entry.owner(nullptr);
    const int number = entry.descriptor.number();
    if (entry.descriptor.is_shared()) forget(number);
    if (reset) detail::reset_on_close(number);
    by_number_[static_cast<std::size_t>(number)] = nullptr;
    entry.descriptor.close();
    closed_.push_back(&entry);
    if (entry.operation != nullptr && !std::exchange(entry.queued, true))
        ready_.push_back(&entry);  // to be swallowed
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
