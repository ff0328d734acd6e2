// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/home.hpp>
#include <penstock/events/backend/uring.hpp>
#include <penstock/events/backend/uring_entry.hpp>
#include <penstock/events/detail/os_address.hpp>
#include <penstock/events/detail/os_socket.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::events {

void UringBackend::dispatch(Completions& completions) {
    stepping_.swap(ready_);
    const auto all = io_uring_cq_ready(&ring_);
    const auto most = std::min<std::size_t>(all, completions_per_turn_max);
    const auto bytes_max = most + stepping_.size() == 1 ? alone_bytes_max : turn_bytes_max;
    for (auto* entry : stepping_) {
        entry->ready = false;
        step(*entry, completions);
    }
    stepping_.clear();
    unsigned head = 0, count = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
        if (count == most) break;
        ++count;
        complete(*completion, bytes_max, completions);
    }
    io_uring_cq_advance(&ring_, count);
}

void UringBackend::complete(const io_uring_cqe& completion, std::size_t bytes_max, Completions& completions) {
    constexpr std::uint64_t what_bits = 7;
    const auto what = static_cast<What>(completion.user_data & what_bits);
    const bool is_last = (completion.flags & IORING_CQE_F_MORE) == 0;
    if (what == What::wake) {
        if (is_last) watches_wake_ = false;
        return;
    }
    if (what == What::nothing) return;
    auto& entry = *std::bit_cast<Ringed*>(completion.user_data & ~what_bits);
    if (is_last) {
        --flying_;
        entry.flying &= static_cast<std::uint8_t>(~Ringed::bit(what));
        entry.cancelling &= static_cast<std::uint8_t>(~Ringed::bit(what));
    }
    switch (what) {
        case What::receive: received(entry, completion.res, completion.flags, bytes_max, completions); break;
        case What::accept: accepted(entry, completion.res, completions); break;
        case What::operation: operation_done(entry, completion.res, completions); break;
        case What::poll: polled(entry, completion.res, completions); break;
        case What::watch: watched(entry, completion.res, completions); break;
        case What::nothing:
        case What::wake: break;
    }
    if (is_last) came_back(entry, completions);
}

/// Something of the entry does not fly any more.
void UringBackend::came_back(Ringed& entry, Completions& completions) {
    if (entry.closed) {
        if (entry.flying == 0 && entry.descriptor) entry.descriptor.close();
        return;
    }
    change(entry);
    if (!entry.settling || entry.flying != 0 || entry.holds_something()) return;
    entry.settling = false;
    completions.settled(entry);
}

void UringBackend::step(Ringed& entry, Completions& completions) {
    if (entry.operation != nullptr && !entry.flies(What::operation) && (entry.closed || entry.cancelled)) {
        entry.cancelled = false;
        entry.operation->done.error = Error::os(ECANCELED);
        completions.completed(entry, *std::exchange(entry.operation, nullptr));
    }
    if (!entry.closed) deliver_held(entry, completions);
    if (!entry.closed && entry.settling) came_back(entry, completions);
}

/// As much as the credit allows; the rest is held.
void UringBackend::deliver(Ringed& entry, Slice slice, Completions& completions) {
    const auto most = entry.settling ? slice.size() : std::min(entry.credit, slice.size());
    if (most < slice.size()) {
        auto first = most > 0 ? slice.take(most) : Slice();
        entry.held.append(std::move(slice));
        slice = std::move(first);
    }
    if (slice.empty()) return;
    entry.spend(slice.size());
    completions.received(entry, std::move(slice));
}

/// A default-made error: the end. Of one that settles, the end is seen again where its descriptor goes; an
/// error is told by the system only once, and so ends it here.
void UringBackend::deliver_end(Ringed& entry, Error error, Completions& completions) {
    if (entry.settling) {
        if (!error) return;
        entry.settling = false;
    } else if (entry.credit == 0 || !entry.held.empty()) {
        entry.held_error = error;
        entry.held_end = !error;
        return;
    }
    entry.credit = 0;
    if (error)
        completions.receive_failed(entry, error);
    else
        completions.receive_end(entry);
}

void UringBackend::deliver_held(Ringed& entry, Completions& completions) {
    std::size_t told = 0;
    while (entry.accepting && !entry.closed && told < entry.held_accepted.size())
        deliver_accepted(entry, std::move(entry.held_accepted[told++]), completions);
    if (told > 0 && !entry.closed)
        entry.held_accepted.erase(entry.held_accepted.begin(),
                                  entry.held_accepted.begin() + static_cast<std::ptrdiff_t>(told));
    while (!entry.closed && !entry.held.empty() && (entry.credit > 0 || entry.settling))
        deliver(entry, entry.held.take(entry.held.front().size()), completions);
    if (entry.closed || !entry.held.empty()) return;
    if ((entry.credit > 0 || entry.settling) && (entry.held_end || entry.held_error)) {
        entry.held_end = false;
        deliver_end(entry, std::exchange(entry.held_error, {}), completions);
    }
    if (!entry.closed) change(entry);
}

void UringBackend::received(Ringed& entry, int answer, unsigned flags, std::size_t bytes_max,
                            Completions& completions) {
    Slice slice;
    if ((flags & IORING_CQE_F_BUFFER) != 0)
        slice =
            buffers_.take(flags >> IORING_CQE_BUFFER_SHIFT, static_cast<std::size_t>(std::max(answer, 0)));
    entry.has_more = (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    if (entry.closed) return;
    if (answer > 0) {
        const auto count = static_cast<std::size_t>(answer);
        deliver(entry, std::move(slice), completions);
        if (entry.has_more && bytes_max > turn_bytes_max) receive_now(entry, bytes_max - count, completions);
    } else if (answer == 0) {
        deliver_end(entry, {}, completions);
    } else if (answer == -ENOBUFS) {
        receive_now(entry, turn_bytes_max, completions);  // no buffer was left: others are always first
    } else if (answer != -ECANCELED && answer != -EINTR && answer != -EAGAIN) {
        deliver_end(entry, Error::os(-answer, "receive"), completions);
    }
}

/// Without a round through the ring for each piece.
void UringBackend::receive_now(Ringed& entry, std::size_t bytes_max, Completions& completions) {
    auto& filler = core::Home::current()->incoming();
    constexpr std::size_t least = 4096;
    while (!entry.closed && entry.credit > 0 && bytes_max > 0 && entry.held.empty() && !entry.settling) {
        const auto room = filler.room(least);
        const auto most = std::min({room.size(), entry.credit, bytes_max});
        const auto got = ::recv(entry.descriptor.number(), room.data(), most, MSG_DONTWAIT);
        if (got > 0) {
            const auto count = static_cast<std::size_t>(got);
            bytes_max -= count;
            entry.has_more = count == most;
            deliver(entry, filler.fill(count), completions);
        } else if (got == 0) {
            return deliver_end(entry, {}, completions);
        } else if (errno == EAGAIN) {
            entry.has_more = false;
            return;
        } else if (errno != EINTR) {  // told only once: the next receive would find an end
            return deliver_end(entry, Error::os(errno, "receive"), completions);
        }
    }
}

void UringBackend::accepted(Ringed& entry, int answer, Completions& completions) {
    if (answer >= 0) {
        Descriptor descriptor(answer, Descriptor::Kind::stream);
        if (entry.closed) return;
        if (!entry.accepting) return entry.held_accepted.push_back(std::move(descriptor));
        return deliver_accepted(entry, std::move(descriptor), completions);
    }
    switch (-answer) {
        case ECANCELED:
        case EAGAIN:
        case EINTR:
        case ECONNABORTED:
        case EPROTO: return;  // armed again if it is still wanted
        default: break;
    }
    if (entry.closed || !entry.accepting) return;
    entry.accepting = false;
    completions.accept_failed(entry, Error::os(-answer, "accept"));
}

/// One without an address was reset meanwhile: nobody is there, and an empty one would stand for a unix
/// socket.
void UringBackend::deliver_accepted(Ringed& entry, Descriptor descriptor, Completions& completions) {
    detail::NativeAddress peer;
    if (::getpeername(descriptor.number(), peer.address(), &peer.size) != 0) return;
    completions.accepted(entry, std::move(descriptor), peer.parsed());
}

void UringBackend::operation_done(Ringed& entry, int answer, Completions& completions) {
    PENSTOCK_ASSERT(entry.operation != nullptr);
    auto& operation = *entry.operation;
    if (answer >= 0) {
        operation.data.drop(static_cast<std::size_t>(answer));
        operation.done.bytes = static_cast<std::size_t>(answer);
    } else if (answer == -EINTR || answer == -EAGAIN) {
        if (!entry.closed && !entry.cancelled) return submit_send(entry, operation);
    } else if (answer < 0) {
        operation.done.error = Error::os(-answer, "send");
    }
    if (std::exchange(entry.cancelled, false) && !operation.data.empty())
        operation.done.error = Error::os(ECANCELED);
    entry.operation = nullptr;
    completions.completed(entry, operation);
}

/// What waits by a poll. True when it is complete.
bool UringBackend::try_polled(Ringed& entry, Operation& operation) {
    const int number = entry.descriptor.number();
    switch (operation.kind) {
        case Operation::Kind::connect: operation.done.error = detail::connect_error(number); return true;
        case Operation::Kind::send: return detail::send_stream(number, entry.kind, operation);
        case Operation::Kind::send_datagrams:
            return datagram_writer_.send(number, operation, entry.merges_datagrams);
    }
    std::unreachable();
}

namespace {

Interest interest_of(int answer) {
    constexpr int ended = POLLHUP | POLLERR;
    return {.read = (answer & (POLLIN | ended)) != 0, .write = (answer & (POLLOUT | ended)) != 0};
}

}  // namespace

void UringBackend::polled(Ringed& entry, int answer, Completions& completions) {
    if (entry.closed || answer < 0) return;
    const auto is = interest_of(answer);
    if (is.write && entry.operation != nullptr && !entry.flies(What::operation) && !entry.cancelled) {
        auto& operation = *entry.operation;
        const auto before = operation.done.bytes;
        const bool is_done = try_polled(entry, operation);
        if (is_done || (operation.kind == Operation::Kind::send && operation.done.bytes > before)) {
            entry.operation = nullptr;
            completions.completed(entry, operation);
        }
    }
    if (is.read && !entry.closed && entry.takes_datagrams) read_datagrams(entry, completions);
    if (is.read && !entry.closed && !entry.is_stream() && entry.credit > 0) read_polled(entry, completions);
}

void UringBackend::watched(Ringed& entry, int answer, Completions& completions) {
    if (entry.closed || answer == -ECANCELED) return;
    const auto wanted = answer < 0 ? std::exchange(entry.watch, {}) : entry.watch;
    const auto is = answer < 0 ? wanted : interest_of(answer);  // an error looks like readiness
    const Interest told{is.read && wanted.read, is.write && wanted.write};
    if (told.read || told.write) completions.ready(entry, told);
}

void UringBackend::read_polled(Ringed& entry, Completions& completions) {
    const auto room = core::Home::current()->incoming().room(4096);
    const auto most = std::min(room.size(), entry.credit);
    const auto got = ::read(entry.descriptor.number(), room.data(), most);
    if (got > 0)
        deliver(entry, core::Home::current()->incoming().fill(static_cast<std::size_t>(got)), completions);
    else if (got == 0)
        deliver_end(entry, {}, completions);
    else if (errno != EAGAIN && errno != EINTR)
        deliver_end(entry, Error::os(errno, "receive"), completions);
}

void UringBackend::read_datagrams(Ringed& entry, Completions& completions) {
    auto batch = std::move(datagrams_);  // the owner may close this socket, and another may be read inside
    const auto got = datagram_reader_.read(entry.descriptor.number(), batch);
    if (got.error) entry.takes_datagrams = false;
    if (!batch.empty()) completions.datagrams(entry, batch);
    batch.clear();
    datagrams_ = std::move(batch);
    if (got.error && !entry.closed) completions.receive_failed(entry, got.error);
}

}  // namespace penstock::events
