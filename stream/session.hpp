// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/events/deferred.hpp>
#include <penstock/events/timer_wheel.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/stream/carrier.hpp>
#include <penstock/stream/channel.hpp>
#include <penstock/stream/channels.hpp>
#include <penstock/stream/frame.hpp>
#include <penstock/stream/frame_writer.hpp>
#include <penstock/stream/session_terms.hpp>
#include <penstock/stream/window.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace penstock::stream {

struct SessionStats {
    std::uint64_t records_in = 0, records_out = 0;
    std::uint64_t plain_bytes_in = 0, plain_bytes_out = 0;  ///< of records: frames with their heads
    std::uint64_t channels_opened = 0, resets = 0;
    std::chrono::nanoseconds rtt_min{0}, rtt_smoothed{0};  ///< zero: not measured yet
};

/// The multiplexer (docs/protocol.md, 3.3 to 3.7), the same for client and server: channels on one carrier.
/// Knows frames, windows and turns; records, keys and sockets are the carrier's.
///
/// Sending has no queue of frames: callbacks queue packets in their channels, and at the end of the turn
/// records are built while the carrier has room: control frames first, then channels in turn. Receiving never
/// stops; what a handler doesn't take stays in its channel's window.
///
/// A session ends by CLOSE, by a fault of the peer, or with its carrier. Then each channel hears on_closed,
/// and on_ended is called.
///
/// Thread: its worker's. Owner: you; inside any callback give it to worker.bury(). It outlives no worker, and
/// a carrier is told when it dies.
class Session final : core::Affine, events::Deferred {
public:
    /// Called once, last. Empty: closed in order by either side; `session_lost`: the carrier went; other
    /// codes: what ended it.
    using Ended = std::move_only_function<void(Error)>;

    Session(Worker& worker, SessionTerms terms, std::shared_ptr<Channels> channels, Ended on_ended = {});
    ~Session() override;

    Worker& worker() const { return worker_; }
    Role role() const { return terms_.role; }
    const net::Peer& peer() const { return terms_.peer; }
    const SessionTerms& terms() const { return terms_; }
    const SessionStats& stats() const { return stats_; }

    /// A further channel of a letter: on_open of its handler has been called when it returns. Errors: no such
    /// letter (channel_denied), too many (channel_limit), params that are too long (message_too_big), the
    /// session has ended, or what on_open said.
    Result<Channel*> open(char letter, Bytes params = {});
    /// Null: there is none, or it is closed.
    Channel* find(char letter, std::uint32_t instance = 0) const;
    /// Those that wait for the peer's last word among them.
    std::size_t channels() const { return channels_.size(); }
    /// What waits in all of them to be sent, with a little for each message.
    std::size_t queued_bytes() const { return queued_; }

    /// CLOSE goes out behind what the peer's windows and the carrier take in this turn; the rest is dropped.
    void close(crypto::Code code = crypto::Code::no_error, std::string_view text = {});
    /// Without CLOSE, at once.
    void abort(Error error);
    bool is_ended() const { return is_ended_; }
    /// The peer's application took all that was sent and queued, on all channels that are not over. After the
    /// end: as it was then.
    bool is_acknowledged() const;
    /// Called once, when that is so: in a later turn, or later in this one. Empty forgets it.
    void on_acknowledged(std::move_only_function<void()> call);
    /// CLOSE of the peer brought it.
    const std::string& close_text() const { return close_text_; }

    // The carrier's calls.

    /// Once, before anything else: SETTINGS goes out, instance 0 of each letter is open.
    void attach(Carrier& carrier);
    /// The frames of one record, in order; the bytes are nobody else's.
    void received(Slice record);
    void writable();
    /// It has gone, and without CLOSE. Also said by a carrier that dies.
    void lost(Error error);
    /// A record that was none, or none of the peer's: the same as a fault inside.
    void broken(Error error) { violated(error); }

private:
    friend class Channel;
    /// A deadline that calls a member.
    struct Alarm final : events::Deadline {
        Alarm(Session& s, void (Session::*f)()) : session(s), call(f) {}
        void on_due() override { (session.*call)(); }
        Session& session;
        void (Session::*call)();
    };
    struct Letter {
        Channels::Letter* table = nullptr;
        ChannelOptions options;  // as agreed
        std::uint32_t highest_own = 0, highest_peer = 0;
        std::uint32_t count_own = 0, count_peer = 0;  // further instances
    };
    /// Counts callbacks, inside which nothing is torn down.
    class Inside {
    public:
        explicit Inside(Session& session) : session_(session) { ++session_.inside_; }
        ~Inside() { --session_.inside_; }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

    private:
        Session& session_;
    };

    // Channels.
    Letter* letter(char value) const;
    Channel* find(ChannelId id);
    Channel& add(ChannelId id, Letter& letter);
    bool is_own(ChannelId id) const;
    bool was_there(ChannelId id) const;
    void forget(Channel& channel);
    Slice assembly(std::size_t bytes);

    // Receiving.
    Result<void> on_frame(const Frame& frame, const Slice& record);
    Result<void> on_data(const DataFrame& frame, const Slice& record);
    Result<Channel*> on_unknown(const DataFrame& frame);
    Result<void> on_window(const WindowFrame& frame);
    Result<void> on_reset(const ResetFrame& frame);
    Result<void> on_stop(const StopFrame& frame);
    Result<void> on_settings(const SettingsFrame& frame);
    void on_ping(const PingFrame& frame);
    void on_pong(const PongFrame& frame);
    void on_close(const CloseFrame& frame);
    void payload_consumed(std::uint64_t bytes);
    void deliver();

    // Sending.
    void on_deferred() override;
    void wake() { defer(worker_); }
    void owe(Channel& channel, bool is_due);
    void news(bool is_due);
    void pull();
    void build();
    bool has_output() const;
    std::size_t record_limit() const;
    std::size_t wanted_bytes() const;
    void write_control(FrameWriter& writer);
    bool write_control(FrameWriter& writer, Channel& channel);
    void write_data(FrameWriter& writer, std::span<std::byte> room);
    void send_close();

    // Time and end.
    void tick();
    void window_due();
    void rest(Channel& channel);
    void rested();
    void violated(Error error);
    void end(Error cause, Error channels);
    void finish();

    using Control = ChannelList<Channel, &Channel::control_hook_>;
    using Sending = ChannelList<Channel, &Channel::sending_hook_>;
    using Pulling = ChannelList<Channel, &Channel::pulling_hook_>;
    using Reading = ChannelList<Channel, &Channel::reading_hook_>;
    using Resting = ChannelList<Channel, &Channel::resting_hook_>;
    using Over = ChannelList<Channel, &Channel::over_hook_>;

    Worker& worker_;
    const SessionTerms terms_;
    const std::shared_ptr<Channels> table_;
    Ended on_ended_;
    std::move_only_function<void()> on_acknowledged_;
    Carrier* carrier_ = nullptr;

    std::unordered_map<std::uint32_t, std::unique_ptr<Channel>> channels_;
    Channel* last_found_ = nullptr;
    std::array<std::unique_ptr<Letter>, letter_max - letter_min + 1> letters_;
    Control control_;             // owe a WINDOW, RESET or STOP
    Sending sending_;             // have something to send and credit for it
    Pulling pulling_;             // want on_writable
    Reading reading_;             // have packets for a handler that wants them
    Resting resting_;             // put one back
    Over over_;                   // wait for on_closed
    std::size_t queued_ = 0;      // cost of all that is queued in channels
    std::size_t grant_left_ = 0;  // of the first in sending_

    SendWindow send_;
    ConnectionWindow receive_;
    std::size_t record_max_;  // plaintext
    std::uint64_t burst_bytes_ = 0;
    core::TimePoint sent_at_{}, received_at_{}, pinged_at_{}, ping_came_at_{};
    std::optional<PingFrame> owed_pong_;
    std::uint64_t ping_opaque_ = 0;
    std::chrono::nanoseconds ping_after_{0};
    bool owes_settings_ = true, owes_ping_ = false;
    bool control_due_ = false;  // WINDOW and its like don't wait any longer
    bool has_settings_ = false;

    Alarm tick_{*this, &Session::tick};
    Alarm window_alarm_{*this, &Session::window_due};
    Alarm rest_alarm_{*this, &Session::rested};
    Slice spare_;  // where long messages are put together
    int inside_ = 0;
    bool is_ended_ = false, is_finished_ = false, is_closing_ = false;
    bool was_acknowledged_ = false;  // at the end
    Error cause_, channels_error_;
    crypto::Code close_code_{};
    std::string close_text_;
    SessionStats stats_;
};

/// A channel's end on the wire, and what it is made of again at the other side: codes of the protocol, and
/// 0x8000 + code for user errors (15 bits).
crypto::Code code_of(const Error& error);
Error error_of(crypto::Code code);

}  // namespace penstock::stream
