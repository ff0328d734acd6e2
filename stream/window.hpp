// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/stream/limits.hpp>

#include <cstdint>
#include <optional>

// The arithmetic of flow control (docs/protocol.md, 3.3 "channel offset", 3.6). Offsets only grow and stay
// below 2^63; no sum here overflows. Three kinds: what may be sent, what a channel may receive, what a
// connection may receive. None keeps bytes or time.
namespace penstock::stream {

/// What a piece moves the channel's offset by. (A connection counts payload alone.)
constexpr std::uint64_t piece_cost(bool begins, std::uint64_t payload_bytes) {
    return (begins ? message_cost_bytes : 0) + payload_bytes;
}

/// The sending side, of a channel or of a connection.
class SendWindow {
public:
    explicit SendWindow(std::uint64_t limit) : limit_(limit) {}
    /// After an attach: what the peer's RESUME says.
    SendWindow(std::uint64_t offset, std::uint64_t consumed, std::uint64_t limit)
        : offset_(offset), consumed_(consumed), limit_(limit) {}

    std::uint64_t offset() const { return offset_; }      ///< of the next byte
    std::uint64_t consumed() const { return consumed_; }  ///< what is below needs not be kept
    std::uint64_t limit() const { return limit_; }
    /// How much cost it takes now.
    std::uint64_t credit() const { return limit_ > offset_ ? limit_ - offset_ : 0; }
    /// How many payload bytes fit in a piece now; none if not even an empty one does.
    std::optional<std::uint64_t> payload_max(bool begins) const {
        const auto cost = piece_cost(begins, 0);
        return credit() < cost ? std::nullopt : std::optional(credit() - cost);
    }
    /// Requires cost <= credit().
    void send(std::uint64_t cost);
    /// The peer's WINDOW. What is behind the newest one is passed over: limits never shrink. Error: flow, it
    /// consumed what was not sent.
    Result<void> update(std::uint64_t consumed, std::uint32_t window_bytes);

private:
    std::uint64_t offset_ = 0, consumed_ = 0, limit_ = 0;
};

/// The receiving side of a reliable channel.
class ReceiveWindow {
public:
    explicit ReceiveWindow(std::uint32_t window_bytes) : limit_(window_bytes), window_(window_bytes) {}

    std::uint64_t offset() const { return offset_; }      ///< of the next byte
    std::uint64_t consumed() const { return consumed_; }  ///< what the application took
    std::uint64_t limit() const { return limit_; }
    std::uint32_t window_bytes() const { return window_; }
    std::optional<std::uint64_t> final_offset() const { return final_; }
    bool has_all() const { return final_ && offset_ == *final_; }
    bool is_consumed() const { return final_ && consumed_ == *final_; }

    /// A piece in order. Errors: offset (where it says one, and it is another), final_size (behind the end,
    /// or a second end elsewhere), flow (above the limit).
    Result<void> receive(std::optional<std::uint64_t> at, std::uint64_t cost, bool is_fin);
    /// RESET: what is missing up to `final_offset` won't come, and what was not consumed is dropped by the
    /// caller; all counts as consumed. Errors: final_size, flow.
    Result<void> reset(std::uint64_t final_offset);

    /// The application took so much cost. Requires that it was received.
    void consume(std::uint64_t cost);
    /// Whether WINDOW is due now: half a window, or three of the largest pieces. (Less waits 25 ms.)
    bool is_due() const;
    bool has_news() const { return consumed_ != announced_; }
    struct Announcement {
        std::uint64_t consumed;
        std::uint32_t window_bytes;
    };
    /// What WINDOW says now; it counts as announced.
    Announcement announce();
    /// Never shrinks; takes effect with the next announcement. Up to channel_window_bytes_max.
    void grow(std::uint32_t window_bytes);

private:
    std::uint64_t offset_ = 0, consumed_ = 0, announced_ = 0, limit_;
    std::uint32_t window_;
    std::optional<std::uint64_t> final_;
};

/// The receiving side of a connection: a limit on memory over all channels. It counts payload bytes from zero
/// at each attach, while `buffered` goes on; room is given back when the application takes bytes, and at once
/// while what is buffered stays below 3/4 of the session's cap, so a few paused channels don't stall the
/// others.
class ConnectionWindow {
public:
    explicit ConnectionWindow(std::uint32_t window_bytes, std::uint32_t buffered_max = session_bytes_max)
        : limit_(window_bytes), window_(window_bytes), buffered_max_(buffered_max) {}

    std::uint64_t limit() const { return limit_; }
    std::uint64_t buffered() const { return buffered_; }

    /// Error: flow.
    Result<void> receive(std::uint64_t payload_bytes);
    /// Taken by the application, or dropped. Requires that they were buffered.
    void consume(std::uint64_t payload_bytes);
    bool is_due() const;
    ReceiveWindow::Announcement announce();
    /// A new connection of the same session.
    void attach();

private:
    void release();

    std::uint64_t received_ = 0, released_ = 0, announced_ = 0, limit_;
    std::uint64_t buffered_ = 0;
    std::uint32_t window_, buffered_max_;
};

}  // namespace penstock::stream
