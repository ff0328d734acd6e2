// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/backend/uring.hpp>
#include <penstock/events/backend/uring_entry.hpp>
#include <penstock/events/detail/os_socket.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::events {

UringBackend::UringBackend() = default;

UringBackend::~UringBackend() {
    buffers_.stop();
    if (has_ring_) io_uring_queue_exit(&ring_);
}

Result<void> UringBackend::start() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                   IORING_SETUP_CQSIZE;
    params.cq_entries = completion_queue;
    if (const int refused = io_uring_queue_init_params(submission_queue, &ring_, &params); refused != 0)
        return fail(Error::os(-refused, "io_uring_setup"));
    has_ring_ = true;
    constexpr unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_SUBMIT_STABLE;
    if ((params.features & needed) != needed)
        return fail(Error::os(ENOSYS, "io_uring: the kernel is too old"));
    if (const int refused = buffers_.start(ring_); refused != 0)
        return fail(Error::os(refused, "io_uring_register_buf_ring"));
    wake_ = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), Descriptor::Kind::other);
    if (!wake_) return fail(Error::os(errno, "eventfd"));
    return {};
}

UringBackend::Ringed& UringBackend::ringed(Entry& entry) { return static_cast<Ringed&>(entry); }

Result<Entry*> UringBackend::enter(Descriptor owned, EntryOwner& owner) {
    if (free_ == nullptr) {
        constexpr std::size_t block = 64;
        blocks_.push_back(std::make_unique<Ringed[]>(block));
        for (std::size_t i = 0; i < block; ++i) {
            blocks_.back()[i].next_free = free_;
            free_ = &blocks_.back()[i];
        }
    }
    auto& entry = *free_;
    free_ = entry.next_free;
    entry.next_free = nullptr;
    entry.owner(&owner);
    entry.kind = owned.kind();
    entry.descriptor = std::move(owned);
    return &entry;
}

bool UringBackend::settle(Entry& settling) {
    auto& entry = ringed(settling);
    PENSTOCK_ASSERT(entry.operation == nullptr);
    entry.accepting = entry.takes_datagrams = false;
    entry.credit = 0;
    entry.watch = {};
    entry.settling = entry.flying != 0 || entry.holds_something();
    if (entry.settling) change(entry);
    if (entry.holds_something()) make_ready(entry);
    return !entry.settling;
}

Descriptor UringBackend::leave(Entry& left) {
    auto& entry = ringed(left);
    PENSTOCK_ASSERT(entry.operation == nullptr && !entry.closed && !entry.holds_something());
    PENSTOCK_ASSERT((entry.flying & ~(Ringed::bit(What::poll) | Ringed::bit(What::watch))) == 0);
    for (const auto what : {What::poll, What::watch})
        if (entry.flies(what)) cancel_flying(entry, what);
    entry.owner(nullptr);
    entry.closed = true;
    closed_.push_back(&entry);
    return std::move(entry.descriptor);
}

Result<Address> UringBackend::local_address(const Entry& entry) const {
    return detail::local_address(static_cast<const Ringed&>(entry).descriptor.number());
}

/// To be brought in line with its wishes before the next wait.
void UringBackend::change(Ringed& entry) {
    if (std::exchange(entry.changed, true)) return;
    changed_.push_back(&entry);
}

void UringBackend::make_ready(Ringed& entry) {
    if (std::exchange(entry.ready, true)) return;
    ready_.push_back(&entry);
}

void UringBackend::arm_accept(Entry& armed, bool is) {
    auto& entry = ringed(armed);
    entry.accepting = is;
    change(entry);
    if (entry.is_deliverable()) make_ready(entry);
}

void UringBackend::arm_receive(Entry& armed, std::size_t credit_bytes) {
    auto& entry = ringed(armed);
    entry.credit = credit_bytes;
    change(entry);
    if (entry.is_deliverable()) make_ready(entry);
}

void UringBackend::arm_datagrams(Entry& armed, bool is) {
    ringed(armed).takes_datagrams = is;
    change(ringed(armed));
}

void UringBackend::arm_poll(Entry& armed, Interest interest) {
    ringed(armed).watch = interest;
    ringed(armed).watches_anew = true;
    change(ringed(armed));
}

io_uring_sqe& UringBackend::submission(Ringed* entry, What what) {
    auto* out = io_uring_get_sqe(&ring_);
    if (out == nullptr) {
        io_uring_submit(&ring_);
        out = io_uring_get_sqe(&ring_);
        PENSTOCK_ASSERT(out != nullptr);
        if (io_uring_sq_ready(&ring_) == 1) taken_count_ = 0;  // this one, which points to nothing yet
    }
    out->user_data = reinterpret_cast<std::uintptr_t>(entry) | static_cast<std::uintptr_t>(what);
    if (entry != nullptr && what != What::nothing) {
        entry->flying |= Ringed::bit(what);
        ++flying_;
    }
    return *out;
}

UringBackend::Taken& UringBackend::next_taken() {
    if (taken_count_ == taken_.size()) taken_.emplace_back();
    return taken_[taken_count_++];
}

/// Its completion still comes, with ECANCELED or with what it had done.
void UringBackend::cancel_flying(Ringed& entry, What what) {
    if ((entry.cancelling & Ringed::bit(what)) != 0) return;
    entry.cancelling |= Ringed::bit(what);
    const auto name = reinterpret_cast<std::uintptr_t>(&entry) | static_cast<std::uintptr_t>(what);
    io_uring_prep_cancel64(&submission(nullptr, What::nothing), name, 0);
}

void UringBackend::bring_in_line(Ringed& entry) {
    if (entry.closed) return;
    const int number = entry.descriptor.number();
    if (entry.is_stream()) {
        const bool wants = entry.credit > 0 && !entry.holds_something();
        if (wants && !entry.flies(What::receive)) submit_receive(entry);
        if (entry.credit == 0 && entry.flies(What::receive)) cancel_flying(entry, What::receive);
    }
    if (entry.accepting && !entry.flies(What::accept))
        io_uring_prep_multishot_accept(&submission(&entry, What::accept), number, nullptr, nullptr,
                                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!entry.accepting && entry.flies(What::accept)) cancel_flying(entry, What::accept);
    bring_polls_in_line(entry);
}

namespace {

short poll_mask(bool reads, bool writes) {
    return static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

}  // namespace

void UringBackend::bring_polls_in_line(Ringed& entry) {
    const int number = entry.descriptor.number();
    const bool reads = entry.takes_datagrams || (!entry.is_stream() && entry.credit > 0);
    const bool writes = entry.operation != nullptr && !entry.flies(What::operation);
    const auto polls = poll_mask(reads, writes);
    if (!entry.flies(What::poll) && polls != 0) {
        entry.poll_mask = polls;
        io_uring_prep_poll_add(&submission(&entry, What::poll), number, static_cast<unsigned>(polls));
    } else if (entry.flies(What::poll) && polls != entry.poll_mask) {
        cancel_flying(entry, What::poll);
    }
    // A watch is multishot: it tells what is ready once, and then what is new.
    const auto watches = poll_mask(entry.watch.read, entry.watch.write);
    if (!entry.flies(What::watch) && watches != 0) {
        entry.watch_mask = watches;
        entry.watches_anew = false;
        io_uring_prep_poll_multishot(&submission(&entry, What::watch), number,
                                     static_cast<unsigned>(watches));
    } else if (entry.flies(What::watch) && (entry.watches_anew || watches != entry.watch_mask)) {
        cancel_flying(entry, What::watch);
    }
}

void UringBackend::submit_receive(Ringed& entry) {
    auto& receive = submission(&entry, What::receive);
    const auto most = static_cast<unsigned>(std::min(entry.credit, core::slab_bytes));
    io_uring_prep_recv(&receive, entry.descriptor.number(), nullptr, most, 0);
    receive.flags |= IOSQE_BUFFER_SELECT;
    receive.buf_group = ProvidedBuffers::group;
    if (!entry.has_more) receive.ioprio |= IORING_RECVSEND_POLL_FIRST;
}

void UringBackend::submit_send(Ringed& entry, Operation& operation) {
    auto& send = submission(&entry, What::operation);
    const int number = entry.descriptor.number();
    const auto& data = operation.data;
    if (data.front().size() == data.size())
        return io_uring_prep_send(&send, number, data.front().data(), data.size(), MSG_NOSIGNAL);
    auto& taken = next_taken();
    std::array<Bytes, detail::gather_max> views;
    const auto count = data.views(views);
    for (std::size_t i = 0; i < count; ++i)
        taken.pieces[i] = {const_cast<std::byte*>(views[i].data()), views[i].size()};
    taken.message = {};
    taken.message.msg_iov = taken.pieces.data();
    taken.message.msg_iovlen = count;
    io_uring_prep_sendmsg(&send, number, &taken.message, MSG_NOSIGNAL);
}

std::optional<Completion> UringBackend::submit(Entry& target, Operation& operation) {
    auto& entry = ringed(target);
    PENSTOCK_ASSERT(entry.operation == nullptr);
    operation.entry = &entry;
    operation.done = {};
    if (operation.kind == Operation::Kind::connect) {  // begun now: nothing waits for it in this turn
        const auto begun = detail::connect(entry.descriptor.number(), operation.address);
        if (begun) return Completion{};
        if (begun.error().code() != EINPROGRESS) return Completion{0, begun.error()};
        change(entry);
    } else if (entry.is_stream()) {
        submit_send(entry, operation);
    } else {
        if (try_polled(entry, operation)) return operation.done;
        change(entry);
    }
    entry.operation = &operation;
    return {};
}

void UringBackend::cancel(Operation& operation) {
    auto& entry = ringed(*operation.entry);
    PENSTOCK_ASSERT(entry.operation == &operation);
    entry.cancelled = true;
    if (entry.flies(What::operation))
        cancel_flying(entry, What::operation);
    else
        make_ready(entry);
}

Result<void> UringBackend::finish(Entry& entry) {
    if (::shutdown(ringed(entry).descriptor.number(), SHUT_WR) != 0)
        return fail(Error::os(errno, "shutdown"));
    return {};
}

/// What flies holds the file: it is closed when the last of it has come back. A reset is made at once: who
/// owns what is being sent may free it then.
void UringBackend::close(Entry& ended, bool reset) {
    auto& entry = ringed(ended);
    if (std::exchange(entry.closed, true)) return;
    entry.owner(nullptr);
    entry.held.clear();
    entry.held_accepted.clear();
    if (reset && entry.is_stream() && entry.flying != 0) detail::disconnect(entry.descriptor.number());
    if (reset) detail::reset_on_close(entry.descriptor.number());
    for (const auto what : {What::receive, What::accept, What::operation, What::poll, What::watch})
        if (entry.flies(what)) cancel_flying(entry, what);
    if (entry.flying == 0) entry.descriptor.close();
    if (entry.operation != nullptr && !entry.flies(What::operation)) make_ready(entry);  // to be swallowed
    closed_.push_back(&entry);
}

void UringBackend::watch_wake() {
    if (std::exchange(watches_wake_, true)) return;
    io_uring_prep_poll_multishot(&submission(nullptr, What::wake), wake_.number(), POLLIN);
}

bool UringBackend::has_ready() const { return !ready_.empty() || io_uring_cq_ready(&ring_) > 0; }

void UringBackend::wait(std::chrono::nanoseconds at_most) {
    buffers_.fill();
    watch_wake();
    changing_.swap(changed_);
    for (auto* entry : changing_) {
        entry->changed = false;
        bring_in_line(*entry);
    }
    changing_.clear();
    int answer;
    if (at_most.count() <= 0 || has_ready()) {
        answer = io_uring_submit_and_get_events(&ring_);
    } else {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
        __kernel_timespec time{seconds.count(), (at_most - seconds).count()};
        io_uring_cqe* first = nullptr;
        answer = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &time, nullptr);
    }
    PENSTOCK_ASSERT(answer >= 0 || answer == -ETIME || answer == -EINTR || answer == -EAGAIN ||
                    answer == -EBUSY);
    if (io_uring_sq_ready(&ring_) == 0) taken_count_ = 0;
}

void UringBackend::free_closed() {
    std::size_t kept = 0;
    for (auto* entry : closed_) {
        if (entry->flying != 0 || entry->changed || entry->ready || entry->operation != nullptr) {
            closed_[kept++] = entry;
            continue;
        }
        *entry = Ringed{};
        entry->next_free = free_;
        free_ = entry;
    }
    closed_.resize(kept);
}

void UringBackend::wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto put = ::write(wake_.number(), &one, sizeof one);
}

/// What was submitted is cancelled with its entries: it comes back soon.
void UringBackend::stop() {
    constexpr int rounds_max = 1000;
    for (int round = 0; flying_ > 0 && round < rounds_max; ++round) {
        __kernel_timespec time{0, 10'000'000};
        io_uring_cqe* first = nullptr;
        io_uring_submit_and_wait_timeout(&ring_, &first, 1, &time, nullptr);
        unsigned head = 0, count = 0;
        io_uring_cqe* completion = nullptr;
        io_uring_for_each_cqe(&ring_, head, completion) {
            ++count;
            const auto what = static_cast<What>(completion->user_data & 7);
            if (what == What::accept && completion->res >= 0) ::close(completion->res);
            const bool is_last = (completion->flags & IORING_CQE_F_MORE) == 0;
            if (what != What::nothing && what != What::wake && is_last) --flying_;
        }
        io_uring_cq_advance(&ring_, count);
    }
}

}  // namespace penstock::events
