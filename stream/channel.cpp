// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/channel.hpp>
#include <penstock/stream/detail/channel_guard.hpp>
#include <penstock/stream/session.hpp>

#include <algorithm>
#include <utility>

namespace penstock::stream {

using crypto::Code;

void ChannelHandler::on_end(Channel& channel) { channel.close(); }

Channel::Channel(Session& session, ChannelId id, const ChannelOptions& options)
    : session_(session),
      options_(options),
      id_(id),
      send_(options.window_bytes),
      receive_(static_cast<std::uint32_t>(options.window_bytes)) {}

Channel::~Channel() {
    if (place_ != 0) worker().handles().remove(place_);
}

Worker& Channel::worker() const { return session_.worker(); }
const net::Peer& Channel::peer() const { return session_.peer(); }

Remote<Channel> Channel::remote() {
    if (is_told_) return {};
    if (place_ == 0) place_ = worker().handles().add(this).place;
    return worker().remote_to<Channel>({place_, worker().handles().generation(place_)});
}

void Channel::opened(Bytes params) {
    guarded([&] {
        handler_ = session_.letter(letter())->table->make(*this);
        const auto done = handler_ == nullptr ? Result<void>(fail(crypto::error(Code::refused)))
                                              : handler_->on_open(*this, params);
        if (!done) abort(done.error());
    });
    is_opened_ = true;
    if (is_over_) return;
    if (wants_pull()) session_.pulling_.push(*this);
    session_.wake();
}

void Channel::ready_to_read(bool is) {
    is_reading_ = is;
    if (!is || is_over_) return;
    session_.reading_.push(*this);
    session_.wake();
}

void Channel::ready_to_write(bool is) {
    wants_write_ = pulls_ = is;
    if (!wants_pull()) return;
    session_.pulling_.push(*this);
    session_.wake();
}

void Channel::finish() {
    if (send_state_ != SendState::open || session_.is_ended()) return;
    send_state_ = SendState::finishing;
    session_.sending_.push(*this);
    session_.wake();
}

void Channel::close() {
    if (is_over_ || session_.is_ended() || std::exchange(is_closing_, true)) return;
    finish();
    drop_unread();
    if (receive_.has_all()) take_end();
}

void Channel::abort(Error error) {
    if (is_over_ || session_.is_ended()) return;
    const bool is_known = id_.instance() == 0 || !session_.is_own(id_) || send_.offset() > 0;
    reset_sending(code_of(error));
    drop_unread();
    if (!is_known) {  // the peer never heard of it
        owes_reset_ = false;
        send_state_ = SendState::acked;
        receive_state_ = ReceiveState::acked;
    } else if (receive_state_ == ReceiveState::open) {
        owes_stop_ = true;
    }
    session_.owe(*this, true);
    over(error);
}

/// on_closed comes from the session, not from inside the call that brought it.
void Channel::over(Error error) {
    if (std::exchange(is_over_, true)) return;
    error_ = error;
    session_.reading_.erase(*this);
    session_.resting_.erase(*this);
    session_.pulling_.erase(*this);
    session_.over_.push(*this);
    session_.wake();
}

void Channel::tell_closed() {
    if (std::exchange(is_told_, true)) return;
    is_over_ = true;
    if (place_ != 0) worker().handles().remove(std::exchange(place_, 0));
    if (handler_ == nullptr) return;
    const Session::Inside inside(session_);
    try {
        handler_->on_closed(*this, {error_, send_.consumed()});
    } catch (...) {
        worker().caught("on_closed of a channel");
    }
    worker().bury(std::move(handler_));
}

/// After each step towards the end. The channel may be gone afterwards.
void Channel::settle() {
    if (send_state_ == SendState::acked && receive_state_ != ReceiveState::open) over(Error());
    if (is_settled()) session_.forget(*this);
}

}  // namespace penstock::stream

namespace penstock::events {

Sent ShortCuts<stream::Channel>::send(std::uint8_t type, Buffer&& buffer) const {
    const auto& remote = static_cast<const Remote<stream::Channel>&>(*this);
    switch (remote.post([](stream::Channel& channel, std::uint8_t posted_type,
                           Buffer posted) { std::ignore = channel.send(posted_type, std::move(posted)); },
                        type, std::move(buffer))) {
        case Posted::ok: return Sent::more;
        case Posted::full: return Sent::full;
        case Posted::stopped: break;
    }
    return Sent::closed;
}

Posted ShortCuts<stream::Channel>::close() const {
    return static_cast<const Remote<stream::Channel>&>(*this).post(
        [](stream::Channel& channel) { channel.close(); });
}

}  // namespace penstock::events
