// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/deferred.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/net/pipeline/carrier.hpp>
#include <penstock/net/pipeline/handler.hpp>

#include <concepts>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>

namespace penstock::pipeline {

class Pipeline;

inline constexpr std::size_t no_window = std::numeric_limits<std::size_t>::max() / 2;

/// A place in a Pipeline, with its handler. Owner: the pipeline.
class Slot : core::Affine {
public:
    Slot(Pipeline& line, std::unique_ptr<Handler> handler) : line_(line), handler_(std::move(handler)) {}

    Worker& worker() const;
    Pipeline& pipeline() const { return line_; }
    Handler& handler() const { return *handler_; }

    void pass_read(Slice slice);       ///< to the right
    void pass_write(Message message);  ///< to the left
    void write(Message message) { pass_write(std::move(message)); }
    void write(Slice slice, std::move_only_function<void(Result<void>)> on_done = {}) {
        pass_write({Chain(std::move(slice)), std::move(on_done)});
    }
    /// False: more is queued than the high mark; on_writable will come.
    bool is_writable() const;

    /// The rightmost: its read window, in its own bytes. The default is no_window.
    void window(std::size_t bytes);
    /// The rightmost: so many bytes have been dealt with. Takes effect in batches of half a window, and at
    /// once when there is no credit left.
    void consumed(std::size_t bytes);

    /// Ends the pipeline gracefully, for this reason (the first one wins).
    void shut_down(Error error);
    /// This handler agrees that the direction ends; see Handler::on_shutdown.
    void shutdown_done(Direction direction);

private:
    friend class Pipeline;
    Pipeline& line_;
    std::unique_ptr<Handler> handler_;
    Slot* left_ = nullptr;
    Slot* right_ = nullptr;
};

/// Slots in a row on a carrier: what arrives goes through all of them to the right before control returns to
/// the worker, what is written goes left. One read window, the rightmost handler's; one shutdown in two
/// directions. Owner: its carrier. Thread: its worker's.
class Pipeline : core::Affine {
public:
    static constexpr std::size_t high_bytes = 256 * 1024;

    /// `written`: bytes that went to the carrier before.
    Pipeline(Worker& worker, Carrier& carrier, std::uint64_t written = 0)
        : worker_(worker), carrier_(carrier), written_(written) {}
    ~Pipeline();

    Worker& worker() const { return worker_; }
    const Address& peer() const { return carrier_.peer(); }
    Carrier& carrier() const { return carrier_; }

    /// To the right of what is there.
    template <class... H>
        requires(std::convertible_to<std::unique_ptr<H>, std::unique_ptr<Handler>> && ...)
    void add(std::unique_ptr<H>... handlers) {
        (static_cast<void>(add_one(std::move(handlers))), ...);
    }
    Slot& add_one(std::unique_ptr<Handler> handler);
    /// The former handler dies at the end of the turn; legal inside its own callbacks.
    void replace(Slot& slot, std::unique_ptr<Handler> handler);
    void remove(Slot& slot);
    Slot* rightmost() const { return last_; }

    /// Graceful: both directions end in order, what is queued is sent.
    void close() { shut_down(Error()); }
    void shut_down(Error error);
    /// At once: what is queued is dropped.
    void abort(Error error = Error::os(ECONNABORTED, "aborted"));
    bool is_ending() const { return phase_ != Phase::open; }
    /// The carrier has ended: nothing can be written any more.
    bool is_closed() const { return phase_ == Phase::closed; }
    void idle_timeout(std::chrono::nanoseconds time) { carrier_.idle_timeout(time); }
    /// Its only handler has nothing under way and nothing to remember: until it reads again, the pipeline may
    /// end without a word, and be filled anew when bytes come. An end of the peer and a drain then close the
    /// carrier.
    void rest() {
        if (can_rest()) carrier_.rest();
    }
    bool can_rest() const {
        return phase_ == Phase::open && first_ == last_ && pending_ == nullptr && credit_ == unlimited;
    }

    // The carrier's calls.
    void received(Slice slice);
    void receive_end();
    void sent();
    void writable();
    void drain();
    /// The end: whatever handlers have not heard yet, they hear now.
    void closed(Error error);

private:
    friend class Slot;
    static constexpr auto unlimited = static_cast<std::int64_t>(no_window);
    enum class Phase : std::uint8_t { open, reading, writing, closing, closed };
    struct Pending {
        std::uint64_t until;
        std::move_only_function<void(Result<void>)> on_done;
    };
    struct Completions final : events::Deferred {
        explicit Completions(Pipeline& l) : line(l) {}
        void on_deferred() override { line.sent(); }
        Pipeline& line;
        std::deque<Pending> queue;
    };

    void write_left(Slot* left, Message message);
    void window(std::size_t bytes);
    void consumed(std::size_t bytes);
    void spend(std::size_t bytes);
    void refill();
    void rearm();
    void notify();
    void advance(Slot& from, Direction direction);
    void fail_pending(Error error);
    template <class F>
    void guarded(F f);

    Worker& worker_;
    Carrier& carrier_;
    Slot* first_ = nullptr;
    Slot* last_ = nullptr;
    Slot* ending_ = nullptr;  // whose shutdown_done is awaited
    std::size_t window_ = no_window, consumed_ = 0;
    std::int64_t credit_ = unlimited;       ///< below zero: overdrawn by a record, which is paid back first
    std::unique_ptr<Completions> pending_;  // only while completions are awaited
    std::uint64_t written_ = 0;
    Error error_;
    Phase phase_ = Phase::open;
    bool is_reading_ = false;
};

}  // namespace penstock::pipeline

namespace penstock {
using pipeline::Pipeline;
}
