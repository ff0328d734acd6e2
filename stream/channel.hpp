// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/events/remote.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/net/peer.hpp>
#include <penstock/stream/channel_id.hpp>
#include <penstock/stream/channel_list.hpp>
#include <penstock/stream/channel_options.hpp>
#include <penstock/stream/packet_queue.hpp>
#include <penstock/stream/window.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

// A lettered channel of a session (docs/protocol.md, 5): messages in order in both directions, each direction
// with a window of its own, so one that is slow stops no other.
namespace penstock::stream {

class Channel;
class Session;
struct DataFrame;
class FrameWriter;

/// Types from here on are the application's; those below are the protocol's.
inline constexpr std::uint8_t packet_type_min = 0x10;

/// What arrives: a message, or with ChannelOptions::whole_messages off a piece of one.
struct Packet {
    std::uint8_t type = 0;
    Slice data;
    bool begin = true, end = true;
};

/// How a channel ended.
struct Closed {
    Error error;                     ///< empty: both directions ended in order
    std::uint64_t acknowledged = 0;  ///< channel offset below which the peer's application took everything
};

/// What the application does with one channel. Owned by its channel, dies at the end of the turn of
/// on_closed. All calls come on the worker, none from inside a call into the channel. One that throws resets
/// its channel.
class ChannelHandler {
public:
    virtual ~ChannelHandler() = default;
    /// First, once, with what the opener said (nothing for instance 0). An error refuses: the channel is
    /// reset with it, and on_closed comes.
    virtual Result<void> on_open(Channel&, Bytes) { return {}; }
    /// Consumed when it returns, unless put back.
    virtual void on_packet(Channel&, Packet) = 0;
    /// After a send that answered `wait`: what is queued fell to half the window. While ready_to_write is
    /// set: whenever a record could take more; one that then sends nothing is asked again after
    /// ready_to_write(true).
    virtual void on_writable(Channel&) {}
    /// The peer finished, and all it sent has been taken. Ours is still open; the default closes it.
    virtual void on_end(Channel&);
    /// Last, once.
    virtual void on_closed(Channel&, const Closed&) {}
};

/// Bytes are those of messages, without heads; pieces are DATA frames.
struct ChannelStats {
    std::uint64_t messages_in = 0, messages_out = 0;
    std::uint64_t bytes_in = 0, bytes_out = 0;
    std::uint64_t pieces_in = 0, pieces_out = 0;
    std::uint64_t put_back = 0;
    std::size_t queued_bytes_max = 0;  ///< of what waits to be sent
};

/// Thread: its session's worker. Owner: its session, until the end of the turn of on_closed; its handler may
/// keep the reference, everyone else a Remote.
class Channel final : core::Affine {
public:
    /// For the session.
    Channel(Session& session, ChannelId id, const ChannelOptions& options);
    ~Channel();

    char letter() const { return id_.letter(); }
    /// 0 is open from the start, others by Session::open.
    std::uint32_t instance() const { return id_.instance(); }
    ChannelId id() const { return id_; }
    Session& session() const { return session_; }
    Worker& worker() const;
    const net::Peer& peer() const;
    Remote<Channel> remote();

    /// One message. From a window's worth of queued bytes on it answers `wait`, at two windows `full`;
    /// too_big is more than message_bytes_max (or never fits); closed comes behind finish, close, abort and
    /// the end. Requires type >= packet_type_min.
    Sent send(std::uint8_t type, Bytes bytes);  ///< copies
    Sent send(std::uint8_t type, Slice slice);
    Sent send(std::uint8_t type, Buffer buffer);
    Sent send(std::uint8_t type, std::shared_ptr<const Buffer> shared);  ///< one for many channels

    /// Inside on_packet only: not taken, it comes again in a later turn, before all others.
    void put_back(Packet packet);
    /// How many bytes send takes before it answers `wait`.
    std::size_t space() const;
    /// False: packets stay in the channel's window, whose peer stops when it is full; others go on.
    void ready_to_read(bool is);
    /// True: on_writable pulls. So it is when a channel opens.
    void ready_to_write(bool is);

    /// Ends our direction behind what is queued.
    void finish();
    /// Graceful: finishes, drops what still comes, waits for the peer's end.
    void close();
    /// Now: both directions are reset with the error's code, on_closed comes before the turn ends.
    void abort(Error error);

    bool is_closed() const { return is_over_; }
    const ChannelOptions& options() const { return options_; }
    const ChannelStats& stats() const { return stats_; }
    /// What waits to be sent, and what waits to be taken.
    std::size_t queued_bytes() const { return out_.bytes(); }
    std::size_t received_bytes() const { return static_cast<std::size_t>(unread_); }
    /// The peer's application took everything below.
    std::uint64_t acknowledged() const { return send_.consumed(); }
    /// All that was sent and queued, or nothing more will be.
    bool is_acknowledged() const {
        return send_state_ == SendState::acked || send_state_ == SendState::reset ||
               (send_state_ != SendState::finishing && out_.empty() && send_.consumed() == send_.offset());
    }

private:
    friend class Session;
    /// Ours, until the peer said that it has all (acked).
    enum class SendState : std::uint8_t { open, finishing, fin_sent, reset, acked };
    enum class ReceiveState : std::uint8_t { open, ended, acked };
    enum class Wrote : std::uint8_t { idle, granted, full };

    // Sending.
    Sent check(std::uint8_t type, std::size_t bytes) const;
    Sent queued();
    void open_with(Bytes params);
    bool can_send();
    Wrote write(FrameWriter& writer, std::span<std::byte> room, std::size_t& grant);
    bool wants_pull() const;
    void pull();
    Result<void> acknowledge(std::uint64_t consumed, std::uint32_t window_bytes, bool is_final);
    void reset_sending(crypto::Code code);

    // Receiving.
    Result<void> receive(const DataFrame& frame, const Slice& record);
    Result<void> check_begin(const DataFrame& frame) const;
    Result<void> check_piece(const DataFrame& frame);
    bool is_dropping() const { return is_over_ || is_closing_ || receive_state_ != ReceiveState::open; }
    /// Whether messages are put together: on this channel, or because it is the one that opens it.
    bool is_whole() const { return options_.whole_messages || !is_opened_; }
    void take(const DataFrame& frame, const Slice& record);
    std::optional<Packet> next_packet();
    Slice assemble();
    bool can_deliver() const;
    void deliver_queued();
    bool deliver(Packet packet);
    void consumed(std::uint64_t cost, std::uint64_t payload_bytes);
    void drop_unread();
    void take_end();
    Result<void> peer_reset(crypto::Code code, std::uint64_t final_offset);

    // The end.
    void opened(Bytes params);
    void over(Error error);
    void tell_closed();
    void settle();
    /// Neither side will speak of it any more.
    bool is_settled() const {
        return is_told_ && send_state_ == SendState::acked && receive_state_ == ReceiveState::acked;
    }
    template <class F>
    void guarded(F f);

    Session& session_;
    std::unique_ptr<ChannelHandler> handler_;
    const ChannelOptions options_;  // as agreed
    const ChannelId id_;

    PacketQueue out_, in_;
    SendWindow send_;
    ReceiveWindow receive_;
    Packet held_;                    // put back
    std::uint64_t unread_ = 0;       // payload that came and was not taken
    std::uint64_t taking_cost_ = 0;  // of the packet that is with the handler, or held
    std::uint64_t taking_bytes_ = 0;
    std::uint32_t message_left_ = 0;    // of the message that is coming in pieces
    std::uint32_t messages_whole_ = 0;  // in in_
    Error error_;                       // of on_closed
    crypto::Code reset_code_{};         // of RESET and STOP
    std::uint8_t type_ = 0;             // of the message that is coming in pieces
    std::uint32_t place_ = 0;           // in the worker's handle table, once a Remote was given out
    SendState send_state_ = SendState::open;
    ReceiveState receive_state_ = ReceiveState::open;

    bool is_opened_ = false;   // on_open was called
    bool is_over_ = false;     // on_closed was called, or will be this turn
    bool is_told_ = false;     // it was
    bool is_closing_ = false;  // close(): what comes is dropped
    bool is_reading_ = true;
    bool is_in_message_ = false;
    bool is_delivering_ = false;
    bool is_held_ = false;
    bool is_waiting_ = false;  // a send answered `wait`
    bool wants_write_ = true;  // ready_to_write
    bool pulls_ = true;        // and the last pull brought something
    bool owes_reset_ = false, owes_stop_ = false, owes_final_ = false;
    bool offset_sent_ = false, offset_seen_ = false;  // on this connection

    ListHook control_hook_, sending_hook_, pulling_hook_, reading_hook_, resting_hook_, over_hook_;
    ChannelStats stats_;
};

}  // namespace penstock::stream

namespace penstock::events {

template <>
struct ShortCuts<stream::Channel> {
    /// `full`: the worker's inbox is; `closed`: the worker has stopped. After those the buffer is still
    /// yours. `more` says that it was accepted; what the channel then answers is lost.
    Sent send(std::uint8_t type, Buffer&& buffer) const;
    /// Nothing happens if it is gone already.
    Posted close() const;
};

}  // namespace penstock::events
