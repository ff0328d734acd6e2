// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/session.hpp>

#include <algorithm>
#include <utility>

// What a Session sends: records, built when there is room for them.
namespace penstock::stream {
namespace {

using crypto::Code;

constexpr std::size_t control_bytes_max = 1024;  // of a record, so that data go on
constexpr std::size_t grant_bytes = 4096;        // of a channel, while others wait
// A connection begins, and begins again after a rest, with records that one segment holds.
constexpr std::size_t small_record_bytes = 1400;
constexpr std::uint64_t small_records_bytes = 64 * 1024;
constexpr std::chrono::seconds rest_time{1};

}  // namespace

/// Once a turn, behind all events.
void Session::on_deferred() {
    if (!is_ended_) deliver();
    if (!is_ended_) build();
    while (auto* channel = is_ended_ ? nullptr : over_.pop()) {
        channel->tell_closed();
        channel->settle();
    }
    if (on_acknowledged_ && !is_ended_ && is_acknowledged()) std::exchange(on_acknowledged_, {})();
    if (is_ended_) finish();
}

void Session::writable() {
    if (!is_ended_) build();
}

/// The channel has something to say beside data.
void Session::owe(Channel& channel, bool is_due) {
    control_.push(channel);
    news(is_due);
}

void Session::news(bool is_due) {
    if (is_due) {
        control_due_ = true;
        wake();
    } else if (!window_alarm_.is_armed()) {
        worker_.arm(window_alarm_, window_delay);
    }
}

bool Session::has_output() const {
    return owes_settings_ || owes_ping_ || owed_pong_ || control_due_ ||
           (!sending_.empty() && send_.credit() > 0);
}

std::size_t Session::record_limit() const {
    const bool is_small = burst_bytes_ < small_records_bytes || worker_.now() - sent_at_ > rest_time;
    return is_small ? std::min(record_max_, small_record_bytes - record_overhead_bytes) : record_max_;
}

/// What one record needs at most for all that is there.
std::size_t Session::wanted_bytes() const {
    constexpr std::size_t small_control = 64;
    return queued_ + data_head_bytes_max + (control_.empty() ? small_control : control_bytes_max);
}

/// Handlers that want to write do so while there is room for it.
void Session::pull() {
    while (!is_ended_) {
        auto* channel = pulling_.pop();
        if (channel == nullptr) return;
        channel->pull();
    }
}

void Session::build() {
    while (carrier_ != nullptr && carrier_->is_writable()) {
        pull();
        if (is_ended_ || !has_output()) break;
        const auto limit = record_limit();
        const auto room = carrier_->room(std::min(wanted_bytes(), limit));
        const auto plain = room.first(std::min(room.size(), limit));
        FrameWriter writer(plain);
        write_control(writer);
        write_data(writer, plain);
        if (writer.size() == 0) break;
        if (worker_.now() - sent_at_ > rest_time) burst_bytes_ = 0;
        sent_at_ = worker_.now();
        burst_bytes_ += writer.size();
        ++stats_.records_out;
        stats_.plain_bytes_out += writer.size();
        carrier_->send(writer.size());
    }
    if (is_closing_ && !is_ended_) send_close();
}

void Session::write_control(FrameWriter& writer) {
    if (owes_settings_) {
        SettingsFrame settings;
        settings.ping_ms = static_cast<std::uint32_t>(terms_.ping.count());
        settings.record_bytes_max = terms_.record_bytes_max;
        owes_settings_ = !writer.settings(settings);
    }
    if (owed_pong_) {
        const auto held =
            std::chrono::duration_cast<std::chrono::microseconds>(worker_.now() - ping_came_at_);
        if (writer.pong({owed_pong_->opaque, static_cast<std::uint32_t>(held.count())})) owed_pong_.reset();
    }
    if (owes_ping_) {
        const auto opaque = worker_.random().word() | 1;
        owes_ping_ = !writer.ping({opaque, 0});
        ping_opaque_ = opaque;
        pinged_at_ = worker_.now();
    }
    if (receive_.is_due() && writer.left() >= data_head_bytes_max) {
        const auto window = receive_.announce();
        std::ignore = writer.window({ChannelId(), window.consumed, window.window_bytes});
    }
    while (auto* channel = control_.front()) {
        if (writer.size() >= control_bytes_max || !write_control(writer, *channel)) return;
        control_.erase(*channel);
        channel->settle();
    }
    control_due_ = false;
    window_alarm_.cancel();
}

/// False: there is no room for all of it.
bool Session::write_control(FrameWriter& writer, Channel& channel) {
    if (channel.owes_reset_) {
        channel.owes_reset_ = !writer.reset({channel.id(), channel.reset_code_, channel.send_.offset()});
        if (channel.owes_reset_) return false;
    }
    if (channel.owes_stop_) {
        channel.owes_stop_ = !writer.stop({channel.id(), channel.reset_code_});
        if (channel.owes_stop_) return false;
    }
    if (!channel.receive_.has_news() && !channel.owes_final_) return true;
    if (writer.left() < frame_head_bytes + 16) return false;
    const auto window = channel.receive_.announce();
    if (!writer.window({channel.id(), window.consumed, window.window_bytes, channel.owes_final_}))
        return false;
    if (std::exchange(channel.owes_final_, false)) channel.receive_state_ = Channel::ReceiveState::acked;
    return true;
}

/// Channels in turn, each up to its grant. One that is alone has no limit.
void Session::write_data(FrameWriter& writer, std::span<std::byte> room) {
    while (auto* channel = sending_.front()) {
        if (send_.credit() == 0) return;
        if (grant_left_ == 0) grant_left_ = grant_bytes;
        std::size_t unlimited = room.size();
        const auto wrote = channel->write(writer, room, sending_.has_several() ? grant_left_ : unlimited);
        if (channel->wants_pull()) pulling_.push(*channel);
        if (wrote == Channel::Wrote::full) return;
        sending_.erase(*channel);
        grant_left_ = 0;
        if (wrote == Channel::Wrote::granted) sending_.push(*channel);
    }
}

void Session::send_close() {
    PENSTOCK_ASSERT(carrier_ != nullptr);  // else close() has ended it
    const auto room = carrier_->room(record_bytes_max_lowest - record_overhead_bytes);
    FrameWriter writer(room);
    if (owes_settings_) write_control(writer);
    std::ignore = writer.close(close_code_, close_text_);
    carrier_->send(writer.size());
    const auto error = close_code_ == Code::no_error ? Error() : error_of(close_code_);
    std::exchange(carrier_, nullptr)->close();
    end(error, error);
}

}  // namespace penstock::stream
