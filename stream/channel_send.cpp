// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/channel.hpp>
#include <penstock/stream/detail/channel_guard.hpp>
#include <penstock/stream/frame_writer.hpp>
#include <penstock/stream/session.hpp>

#include <algorithm>

// The sending side of a Channel.
namespace penstock::stream {
namespace {

using crypto::Code;

/// A message that doesn't fit into what is left of a record is cut there, unless so little is left that the
/// second head costs more than the room is worth.
constexpr std::size_t cut_bytes_min = 256;
/// on_writable in a row; then others have their turn.
constexpr int pulls_max = 64;

}  // namespace

Sent Channel::check(std::uint8_t type, std::size_t bytes) const {
    PENSTOCK_ASSERT(type >= packet_type_min);
    if (send_state_ != SendState::open || is_over_ || session_.is_ended()) return Sent::closed;
    const auto most = 2 * options_.window_bytes, cost = bytes + PacketQueue::packet_cost_bytes;
    if (cost > most || (options_.whole_messages && bytes > options_.message_bytes_max)) return Sent::too_big;
    return out_.cost() + cost > most ? Sent::full : Sent::more;
}

Sent Channel::send(std::uint8_t type, Bytes bytes) {
    if (const auto answer = check(type, bytes.size()); answer != Sent::more) return answer;
    ++stats_.messages_out, stats_.bytes_out += bytes.size();
    out_.push({.type = type}, bytes);
    session_.queued_ += bytes.size() + PacketQueue::packet_cost_bytes;
    return queued();
}

Sent Channel::send(std::uint8_t type, Slice slice) {
    const auto size = slice.size();
    if (const auto answer = check(type, size); answer != Sent::more) return answer;
    ++stats_.messages_out, stats_.bytes_out += size;
    out_.push({.type = type}, std::move(slice));
    session_.queued_ += size + PacketQueue::packet_cost_bytes;
    return queued();
}

Sent Channel::send(std::uint8_t type, Buffer buffer) { return send(type, std::move(buffer).slice()); }

Sent Channel::send(std::uint8_t type, std::shared_ptr<const Buffer> shared) {
    const auto size = shared->size();
    if (const auto answer = check(type, size); answer != Sent::more) return answer;
    ++stats_.messages_out, stats_.bytes_out += size;
    out_.push({.type = type}, std::move(shared));
    session_.queued_ += size + PacketQueue::packet_cost_bytes;
    return queued();
}

Sent Channel::queued() {
    stats_.queued_bytes_max = std::max(stats_.queued_bytes_max, out_.bytes());
    if (can_send()) session_.sending_.push(*this);
    session_.wake();
    if (out_.cost() < options_.window_bytes) return Sent::more;
    is_waiting_ = true;
    return Sent::wait;
}

/// Message 0 of a further instance.
void Channel::open_with(Bytes params) {
    out_.push({}, params);
    session_.queued_ += params.size() + PacketQueue::packet_cost_bytes;
    std::ignore = queued();
}

std::size_t Channel::space() const {
    if (send_state_ != SendState::open || is_over_) return 0;
    const auto used = out_.cost() + PacketQueue::packet_cost_bytes;
    return options_.window_bytes > used ? options_.window_bytes - used : 0;
}

bool Channel::can_send() {
    if (send_state_ != SendState::open && send_state_ != SendState::finishing) return false;
    if (out_.empty()) return send_state_ == SendState::finishing;
    const auto& front = out_.front();
    const auto credit = send_.payload_max(front.begins);
    return credit && (*credit > 0 || front.bytes == 0);
}

/// Pieces into a record, until the grant is used up, the record is full, or there is nothing more to send.
Channel::Wrote Channel::write(FrameWriter& writer, std::span<std::byte> room, std::size_t& grant) {
    while (grant > 0) {
        DataFrame frame{.channel = id_};
        if (!offset_sent_) frame.offset = send_.offset();
        if (out_.empty()) {
            if (send_state_ != SendState::finishing) return Wrote::idle;
            frame.is_fin = true;
            if (!writer.data(frame)) return Wrote::full;
            ++stats_.pieces_out;
            offset_sent_ = true;
            send_state_ = SendState::fin_sent;
            return Wrote::idle;
        }
        auto& front = out_.front();
        const auto credit = send_.payload_max(front.begins);
        if (!credit || (*credit == 0 && front.bytes > 0)) return Wrote::idle;
        const auto head = data_head_bytes + (frame.offset ? 8u : 0u) + (front.begins ? 4u : 0u);
        auto size = std::min<std::size_t>({front.bytes, *credit, grant, session_.send_.credit()});
        if (size == 0 && front.bytes > 0) return Wrote::granted;  // the connection's window is full
        if (writer.left() < head + std::min(size, cut_bytes_min)) return Wrote::full;
        size = std::min(size, writer.left() - head);

        frame.type = front.type;
        frame.begins = front.begins;
        frame.ends = size == front.bytes;
        frame.is_fin = frame.ends && send_state_ == SendState::finishing && out_.packets() == 1;
        if (frame.begins && !frame.ends) frame.total_bytes = front.bytes;
        frame.data = Bytes(room.data(), size);  // its length; the bytes follow
        PENSTOCK_ASSERT(writer.data_head(frame));
        out_.copy_to(room.subspan(writer.size(), size));
        writer.skip(size);
        offset_sent_ = true;
        ++stats_.pieces_out;
        send_.send(piece_cost(frame.begins, size));
        session_.send_.send(size);
        session_.queued_ -= size;
        grant -= std::min(grant, size + message_cost_bytes);
        front.begins = false;
        if (frame.ends) {
            out_.pop();
            session_.queued_ -= PacketQueue::packet_cost_bytes;
        }
        if (frame.is_fin) send_state_ = SendState::fin_sent;
    }
    return Wrote::granted;
}

bool Channel::wants_pull() const {
    return is_opened_ && !is_over_ && send_state_ == SendState::open &&
           out_.cost() <= options_.window_bytes / 2 && (is_waiting_ || (wants_write_ && pulls_));
}

void Channel::pull() {
    for (int i = 0; i < pulls_max && wants_pull(); ++i) {
        is_waiting_ = false;
        const auto before = stats_.messages_out;
        guarded([&] { handler_->on_writable(*this); });
        if (stats_.messages_out == before) pulls_ = false;
    }
    if (wants_pull()) session_.pulling_.push(*this);
}

/// The peer's WINDOW.
Result<void> Channel::acknowledge(std::uint64_t consumed, std::uint32_t window_bytes, bool is_final) {
    if (auto updated = send_.update(consumed, window_bytes); !updated) return updated;
    if (is_final) {
        const bool is_sent = send_state_ == SendState::fin_sent || send_state_ == SendState::reset ||
                             send_state_ == SendState::acked;
        if (!is_sent || consumed != send_.offset())
            return fail(crypto::error(Code::flow, "an end was acknowledged that was not sent"));
        send_state_ = SendState::acked;
        owes_reset_ = false;
        settle();
        return {};
    }
    if (can_send()) session_.sending_.push(*this);
    return {};
}

void Channel::reset_sending(Code code) {
    reset_code_ = code;
    if (send_state_ == SendState::reset || send_state_ == SendState::acked) return;
    send_state_ = SendState::reset;
    owes_reset_ = true;
    session_.queued_ -= out_.cost();
    out_.clear();
    session_.sending_.erase(*this);
    session_.pulling_.erase(*this);
    ++session_.stats_.resets;
}

}  // namespace penstock::stream
