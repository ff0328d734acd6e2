// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/channel.hpp>
#include <penstock/stream/detail/channel_guard.hpp>
#include <penstock/stream/frame.hpp>
#include <penstock/stream/session.hpp>

#include <algorithm>
#include <utility>

// The receiving side of a Channel.
namespace penstock::stream {

using crypto::Code;

/// What a first piece may be.
Result<void> Channel::check_begin(const DataFrame& frame) const {
    if (is_in_message_) return fail(crypto::error(Code::frame, "a message inside a message"));
    const bool opens = id_.instance() != 0 && !session_.is_own(id_) && receive_.offset() == 0;
    if (opens ? frame.type != 0 : frame.type < packet_type_min)
        return fail(crypto::error(Code::protocol, "a packet of a reserved type"));
    const auto total = frame.ends ? frame.data.size() : frame.total_bytes;
    if ((options_.whole_messages || opens) && total > options_.message_bytes_max)
        return fail(crypto::error(Code::message_too_big));
    return {};
}

/// Whether the pieces of a message are what its first one said.
Result<void> Channel::check_piece(const DataFrame& frame) {
    if (frame.begins) {
        if (auto right = check_begin(frame); !right) return right;
        type_ = frame.type;
        message_left_ = frame.ends ? static_cast<std::uint32_t>(frame.data.size()) : frame.total_bytes;
        is_in_message_ = true;
    } else if (frame.ends || !frame.data.empty()) {
        if (!is_in_message_) return fail(crypto::error(Code::frame, "a piece of no message"));
    } else if (is_in_message_) {
        return fail(crypto::error(Code::frame, "an end inside a message"));
    }
    if (frame.data.size() > message_left_)
        return fail(crypto::error(Code::frame, "a message that is longer than it said"));
    message_left_ -= static_cast<std::uint32_t>(frame.data.size());
    if (!frame.ends) return {};
    is_in_message_ = false;
    if (std::exchange(message_left_, 0) != 0)
        return fail(crypto::error(Code::frame, "a message that is shorter than it said"));
    return {};
}

Result<void> Channel::receive(const DataFrame& frame, const Slice& record) {
    if (!std::exchange(offset_seen_, true) && !frame.offset)
        return fail(crypto::error(Code::offset, "the first piece has no offset"));
    if (auto right = check_piece(frame); !right) return right;
    if (auto fits = receive_.receive(frame.offset, frame.cost(), frame.is_fin); !fits) return fits;
    if (auto fits = session_.receive_.receive(frame.data.size()); !fits) return fits;
    unread_ += frame.data.size();
    ++stats_.pieces_in;
    if (is_dropping()) {
        consumed(frame.cost(), frame.data.size());
    } else if (frame.begins || frame.ends || !frame.data.empty()) {
        take(frame, record);
    }
    if (receive_.has_all() && receive_state_ == ReceiveState::open) {
        if (is_dropping())
            take_end();
        else
            deliver_queued();
    }
    return {};
}

/// A packet that is whole goes to the handler as it lies in the record; the rest is queued.
void Channel::take(const DataFrame& frame, const Slice& record) {
    auto data = record.share(static_cast<std::size_t>(frame.data.data() - record.data()), frame.data.size());
    const bool is_alone = !is_whole() || (frame.begins && frame.ends);
    if (is_alone && in_.empty() && !is_held_ && can_deliver()) {
        deliver({type_, std::move(data), frame.begins, frame.ends});
        return;
    }
    if (is_alone && !is_opened_ && !is_over_) {
        consumed(frame.cost(), frame.data.size());
        return opened(data);
    }
    in_.push({.total = frame.total_bytes, .type = type_, .begins = frame.begins, .ends = frame.ends},
             std::move(data));
    if (frame.ends) ++messages_whole_;
    if (is_opened_) return deliver_queued();
    if (!frame.ends) return;
    const auto params = assemble();
    consumed(message_cost_bytes + params.size(), params.size());
    opened(params);
}

/// The first message in the queue, which is there to its end, in one piece.
Slice Channel::assemble() {
    --messages_whole_;
    const auto first = in_.front();
    if (first.ends) return in_.take();
    auto out = session_.assembly(first.total);
    for (std::size_t at = 0;;) {
        auto& piece = in_.front();
        const auto size = piece.bytes;
        const bool ends = piece.ends;
        in_.copy_to({out.writable() + at, size});
        in_.pop();
        at += size;
        if (ends) return out;
    }
}

bool Channel::can_deliver() const {
    return is_reading_ && is_opened_ && !is_dropping() && !is_delivering_ &&
           !Session::Resting::contains(*this);
}

std::optional<Packet> Channel::next_packet() {
    if (std::exchange(is_held_, false)) return std::move(held_);
    if (in_.empty()) return std::nullopt;
    const auto mark = in_.front();
    if (!options_.whole_messages) {
        if (mark.ends) --messages_whole_;
        return Packet{mark.type, in_.take(), mark.begins, mark.ends};
    }
    if (messages_whole_ == 0) return std::nullopt;
    return Packet{mark.type, assemble()};
}

void Channel::deliver_queued() {
    while (can_deliver()) {
        auto packet = next_packet();
        if (!packet) break;
        if (!deliver(std::move(*packet))) return;
    }
    if (!can_deliver() || !receive_.has_all() || !in_.empty()) return;
    guarded([&] { handler_->on_end(*this); });
    if (receive_state_ == ReceiveState::open && !is_over_) take_end();
}

/// False: it was put back.
bool Channel::deliver(Packet packet) {
    const bool begins = packet.begin, ends = packet.end;
    const auto size = packet.data.size();
    taking_bytes_ = size;
    taking_cost_ = piece_cost(begins, size);
    is_delivering_ = true;
    guarded([&] { handler_->on_packet(*this, std::move(packet)); });
    is_delivering_ = false;
    if (is_held_) return false;
    if (ends) ++stats_.messages_in;
    stats_.bytes_in += size;
    consumed(std::exchange(taking_cost_, 0), std::exchange(taking_bytes_, 0));
    return true;
}

void Channel::put_back(Packet packet) {
    PENSTOCK_ASSERT(is_delivering_ && !is_held_);
    ++stats_.put_back;
    if (is_over_ || is_closing_) return;
    held_ = std::move(packet);
    is_held_ = true;
    session_.rest(*this);
}

void Channel::consumed(std::uint64_t cost, std::uint64_t payload_bytes) {
    if (cost == 0) return;
    receive_.consume(cost);
    unread_ -= payload_bytes;
    session_.payload_consumed(payload_bytes);
    if (receive_state_ == ReceiveState::open && receive_.has_news()) session_.owe(*this, receive_.is_due());
}

/// All that came and was not taken.
void Channel::drop_unread() {
    in_.clear();
    held_ = {};
    is_held_ = false;
    messages_whole_ = 0;
    taking_cost_ = taking_bytes_ = 0;
    consumed(receive_.offset() - receive_.consumed(), unread_);
}

/// The peer's direction is over, and all of it was taken.
void Channel::take_end() {
    receive_state_ = ReceiveState::ended;
    owes_final_ = true;
    owes_stop_ = false;
    session_.owe(*this, true);
    settle();
}

Result<void> Channel::peer_reset(Code code, std::uint64_t final_offset) {
    drop_unread();
    if (auto right = receive_.reset(final_offset); !right) return right;
    if (receive_state_ == ReceiveState::open) {
        receive_state_ = ReceiveState::ended;
        owes_final_ = true;
        session_.owe(*this, true);
    }
    owes_stop_ = false;
    abort(error_of(code));
    settle();
    return {};
}

}  // namespace penstock::stream
