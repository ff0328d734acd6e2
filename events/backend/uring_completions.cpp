// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/home.hpp>
#include <penstock/events/backend/uring.hpp>
#include <penstock/events/backend/uring_entry.hpp>
#include <penstock/events/detail/os_socket.hpp>

#include <algorithm>
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
    auto& entry = *reinterpret_cast<Ringed*>(completion.user_data & ~what_bits);
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

/// A default-made error: the end.
void UringBackend::deliver_end(Ringed& entry, Error error, Completions& completions) {
    if (entry.credit == 0 || !entry.held.empty()) {
        if (entry.settling) return;  // seen again where the descriptor goes
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
    while (entry.accepting && !entry.held_accepted.empty() && !entry.closed) {
        auto descriptor = std::move(entry.held_accepted.front());
        entry.held_accepted.erase(entry.held_accepted.begin());
        const auto peer = detail::peer_address(descriptor.number());
        completions.accepted(entry, std::move(descriptor), peer);
    }
    while (!entry.closed && !entry.held.empty() && (entry.credit > 0 || entry.settling))
        deliver(entry, entry.held.take(entry.held.front().size()), completions);
    if (entry.closed || !entry.held.empty()) return;
    if (entry.settling) {
        entry.held_end = false;
        entry.held_error = {};
    }
    if (entry.credit > 0 && (entry.held_end || entry.held_error)) {
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
        if (entry.has_more && bytes_max > turn_bytes_max) receive_more(entry, bytes_max - count, completions);
    } else if (answer == 0) {
        deliver_end(entry, {}, completions);
    } else if (answer == -ENOBUFS) {
        entry.has_more = true;  // no buffer was left: they are filled before the next try
    } else if (answer != -ECANCELED && answer != -EINTR && answer != -EAGAIN) {
        deliver_end(entry, Error::os(-answer, "receive"), completions);
    }
}

/// For who is alone: without a round through the ring for each piece.
void UringBackend::receive_more(Ringed& entry, std::size_t bytes_max, Completions& completions) {
    auto& filler = core::Home::current()->incoming();
    constexpr std::size_t least = 4096;
    while (!entry.closed && entry.credit > 0 && bytes_max > 0 && entry.held.empty() && !entry.settling) {
        const auto room = filler.room(least);
        const auto most = std::min({room.size(), entry.credit, bytes_max});
        const auto got = ::recv(entry.descriptor.number(), room.data(), most, MSG_DONTWAIT);
        if (got <= 0) {
            entry.has_more = got == 0 || errno != EAGAIN;  // what it is, the next receive tells
            return;
        }
        const auto count = static_cast<std::size_t>(got);
        bytes_max -= count;
        deliver(entry, filler.fill(count), completions);
    }
}

void UringBackend::accepted(Ringed& entry, int answer, Completions& completions) {
    if (answer >= 0) {
        Descriptor descriptor(answer, Descriptor::Kind::stream);
        if (entry.closed) return;
        if (!entry.accepting) return entry.held_accepted.push_back(std::move(descriptor));
        const auto peer = detail::peer_address(answer);
        return completions.accepted(entry, std::move(descriptor), peer);
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

void UringBackend::polled(Ringed& entry, int answer, Completions& completions) {
    if (entry.closed || answer < 0) return;
    constexpr int ended = POLLHUP | POLLERR;
    const Interest is{.read = (answer & (POLLIN | ended)) != 0, .write = (answer & (POLLOUT | ended)) != 0};
    if (is.write && entry.operation != nullptr && !entry.flies(What::operation) &&
        try_polled(entry, *entry.operation))
        completions.completed(entry, *std::exchange(entry.operation, nullptr));
    if (is.read && !entry.closed && entry.takes_datagrams) read_datagrams(entry, completions);
    if (is.read && !entry.closed && !entry.is_stream() && entry.credit > 0) read_polled(entry, completions);
    const Interest told{is.read && entry.poll.read, is.write && entry.poll.write};
    if (!entry.closed && (told.read || told.write)) completions.ready(entry, told);
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
