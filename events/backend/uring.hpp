// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend.hpp>
#include <penstock/events/backend/provided_buffers.hpp>
#include <penstock/events/detail/os_datagram.hpp>
#include <penstock/events/detail/os_socket.hpp>

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include <liburing.h>
#include <sys/uio.h>

namespace penstock::events {

/// io_uring(7), natively: accepts are multishot; a receive is one shot into a provided buffer, of at most its
/// credit; sends and connects are submitted; what a turn has asked for goes to the kernel in one call, which
/// is also the wait. Datagrams and pipes wait by a poll each, and then do their system calls; so does a
/// receive that found no provided buffer left. Needs Linux 6.1 (single issuer, task work at the wait).
class UringBackend final : public Backend {
public:
    static constexpr unsigned submission_queue = 1024, completion_queue = 8192;  ///< entries
    static constexpr std::size_t completions_per_turn_max = 1024;
    static constexpr std::size_t turn_bytes_max = 16 * 1024;    ///< of one entry, while others are ready
    static constexpr std::size_t alone_bytes_max = 256 * 1024;  ///< and when it is alone

    UringBackend();
    ~UringBackend() override;
    const char* name() const override { return "io_uring"; }
    Result<void> start() override;

    Result<Entry*> enter(Descriptor owned, EntryOwner& owner) override;
    bool settle(Entry& entry) override;
    Descriptor leave(Entry& entry) override;
    Result<Address> local_address(const Entry& entry) const override;
    void arm_accept(Entry& entry, bool armed) override;
    void arm_receive(Entry& entry, std::size_t credit_bytes) override;
    void arm_datagrams(Entry& entry, bool armed) override;
    void arm_poll(Entry& entry, Interest interest) override;
    std::optional<Completion> submit(Entry& entry, Operation& operation) override;
    void cancel(Operation& operation) override;
    Result<void> finish(Entry& entry) override;
    void close(Entry& entry, bool reset) override;
    void wait(std::chrono::nanoseconds at_most) override;
    void dispatch(Completions& completions) override;
    bool has_ready() const override;
    void free_closed() override;
    void wake() noexcept override;
    void stop() override;

private:
    struct Ringed;
    /// What a submission points to until it was taken.
    struct Taken {
        msghdr message{};
        std::array<iovec, detail::gather_max> pieces;
    };
    /// What a completion is of; 0 to 7, beside the entry's address in 64 bits. A poll is the backend's own,
    /// for what is done by system calls; a watch tells the owner.
    enum class What : std::uint8_t { nothing, receive, accept, operation, poll, watch, wake };

    static Ringed& ringed(Entry& entry);
    io_uring_sqe& submission(Ringed* entry, What what);
    void change(Ringed& entry);
    void make_ready(Ringed& entry);
    void bring_in_line(Ringed& entry);
    void cancel_flying(Ringed& entry, What what);
    void bring_polls_in_line(Ringed& entry);
    void submit_receive(Ringed& entry);
    void submit_send(Ringed& entry, Operation& operation);
    Taken& next_taken();
    void watch_wake();

    void complete(const io_uring_cqe& completion, std::size_t bytes_max, Completions& completions);
    void received(Ringed& entry, int answer, unsigned flags, std::size_t bytes_max, Completions& completions);
    void receive_now(Ringed& entry, std::size_t bytes_max, Completions& completions);
    void accepted(Ringed& entry, int answer, Completions& completions);
    void deliver_accepted(Ringed& entry, Descriptor descriptor, Completions& completions);
    void operation_done(Ringed& entry, int answer, Completions& completions);
    void polled(Ringed& entry, int answer, Completions& completions);
    void watched(Ringed& entry, int answer, Completions& completions);
    void read_polled(Ringed& entry, Completions& completions);
    void read_datagrams(Ringed& entry, Completions& completions);
    bool try_polled(Ringed& entry, Operation& operation);
    void deliver(Ringed& entry, Slice slice, Completions& completions);
    void deliver_end(Ringed& entry, Error error, Completions& completions);
    void deliver_held(Ringed& entry, Completions& completions);
    void came_back(Ringed& entry, Completions& completions);
    void step(Ringed& entry, Completions& completions);

    io_uring ring_{};
    std::size_t flying_ = 0;  // submissions of entries that have not completed
    bool has_ring_ = false;
    bool watches_wake_ = false;
    Descriptor wake_;
    ProvidedBuffers buffers_;
    std::deque<Taken> taken_;
    std::size_t taken_count_ = 0;
    std::vector<Ringed*> changed_, changing_;  // to be brought in line before the next wait
    std::vector<Ringed*> ready_,
        stepping_;  // hold something that their credit allows, or a cancelled operation
    std::vector<Ringed*> closed_;
    std::vector<std::unique_ptr<Ringed[]>> blocks_;
    Ringed* free_ = nullptr;
    detail::DatagramReader datagram_reader_;
    detail::DatagramWriter datagram_writer_;
    std::vector<Datagram> datagrams_;
};

}  // namespace penstock::events
