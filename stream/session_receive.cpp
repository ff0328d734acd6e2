// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/frame_reader.hpp>
#include <penstock/stream/session.hpp>

#include <algorithm>
#include <variant>

// What a Session does with the frames of its peer.
namespace penstock::stream {

using crypto::Code;

void Session::received(Slice record) {
    if (is_ended_) return;
    received_at_ = worker_.now();
    ++stats_.records_in;
    stats_.plain_bytes_in += record.size();
    FrameReader frames{Bytes(record)};
    while (const auto frame = frames.next()) {
        if (auto done = on_frame(*frame, record); !done) return violated(done.error());
        if (is_ended_) return;
    }
    if (frames.error()) violated(frames.error());
}

Result<void> Session::on_frame(const Frame& frame, const Slice& record) {
    if (const auto* settings = std::get_if<SettingsFrame>(&frame)) return on_settings(*settings);
    if (!has_settings_) return fail(crypto::error(Code::protocol, "SETTINGS is not the first frame"));
    if (const auto* data = std::get_if<DataFrame>(&frame)) return on_data(*data, record);
    if (const auto* window = std::get_if<WindowFrame>(&frame)) return on_window(*window);
    if (const auto* reset = std::get_if<ResetFrame>(&frame)) return on_reset(*reset);
    if (const auto* stop = std::get_if<StopFrame>(&frame)) return on_stop(*stop);
    if (const auto* ping = std::get_if<PingFrame>(&frame)) return on_ping(*ping), Result<void>();
    if (const auto* pong = std::get_if<PongFrame>(&frame)) return on_pong(*pong), Result<void>();
    if (const auto* close = std::get_if<CloseFrame>(&frame)) return on_close(*close), Result<void>();
    return fail(crypto::error(Code::protocol, "a frame that has no place here"));  // RESUME, GOAWAY
}

Result<void> Session::on_settings(const SettingsFrame& frame) {
    if (std::exchange(has_settings_, true)) return fail(crypto::error(Code::protocol, "SETTINGS twice"));
    const auto bytes = frame.record_bytes_max.value_or(terms_.record_bytes_max);
    if (bytes > terms_.record_bytes_max)
        return fail(crypto::error(Code::protocol, "longer records than were agreed upon"));
    record_max_ = std::min<std::size_t>(record_max_, bytes - record_overhead_bytes);
    return {};
}

Result<void> Session::on_data(const DataFrame& frame, const Slice& record) {
    auto* channel = find(frame.channel);
    if (channel == nullptr) {
        const auto opened = on_unknown(frame);
        if (!opened) return fail(opened);
        channel = *opened;
    }
    if (channel != nullptr) {
        if (auto done = channel->receive(frame, record); !done) return done;
    } else {  // of one that is gone
        if (auto fits = receive_.receive(frame.data.size()); !fits) return fits;
        receive_.consume(frame.data.size());
    }
    if (!is_ended_ && receive_.is_due()) news(true);
    return {};
}

/// Null: it is gone, and the frame is passed over.
Result<Channel*> Session::on_unknown(const DataFrame& frame) {
    const auto id = frame.channel;
    auto* of = letter(id.letter());
    if (of == nullptr) return fail(crypto::error(Code::channel_unknown, "a letter that was not granted"));
    if (was_there(id)) return nullptr;
    if (is_own(id) || !frame.begins || frame.offset != std::uint64_t{0} || frame.type != 0)
        return fail(crypto::error(Code::channel_unknown));
    if (channels_.size() >= channels_max) return fail(crypto::error(Code::channel_limit));
    of->highest_peer = id.instance() & ~instance_by_server;
    auto& channel = add(id, *of);
    if (of->count_peer >= of->options.instances_max) channel.abort(crypto::error(Code::channel_limit));
    return &channel;
}

Result<void> Session::on_window(const WindowFrame& frame) {
    for (const auto& entry : frame.entries) {
        if (entry.channel.is_connection()) {
            if (auto done = send_.update(entry.consumed, entry.window_bytes); !done) return done;
        } else if (auto* channel = find(entry.channel)) {
            if (auto done = channel->acknowledge(entry.consumed, entry.window_bytes, entry.is_final_acked);
                !done)
                return done;
        } else if (letter(entry.channel.letter()) == nullptr || !was_there(entry.channel)) {
            return fail(crypto::error(Code::channel_unknown, "a window of no channel"));
        }
    }
    wake();
    return {};
}

Result<void> Session::on_reset(const ResetFrame& frame) {
    if (auto* channel = find(frame.channel)) return channel->peer_reset(frame.code, frame.final_offset);
    if (letter(frame.channel.letter()) == nullptr || !was_there(frame.channel))
        return fail(crypto::error(Code::channel_unknown, "RESET of no channel"));
    return {};
}

Result<void> Session::on_stop(const StopFrame& frame) {
    if (auto* channel = find(frame.channel)) {
        channel->abort(error_of(frame.code));
        channel->settle();
        return {};
    }
    if (letter(frame.channel.letter()) == nullptr || !was_there(frame.channel))
        return fail(crypto::error(Code::channel_unknown, "STOP of no channel"));
    return {};
}

/// One answer at a time: a flood of PINGs costs the peer more than us.
void Session::on_ping(const PingFrame& frame) {
    owed_pong_ = frame;
    ping_came_at_ = worker_.now();
    wake();
}

void Session::on_pong(const PongFrame& frame) {
    if (ping_opaque_ == 0 || frame.opaque != std::exchange(ping_opaque_, 0)) return;
    const auto held = std::chrono::microseconds(frame.held_us);
    const auto rtt =
        std::max<std::chrono::nanoseconds>(worker_.now() - pinged_at_ - held, std::chrono::nanoseconds(1));
    stats_.rtt_min = stats_.rtt_min.count() == 0 ? rtt : std::min(stats_.rtt_min, rtt);
    stats_.rtt_smoothed = stats_.rtt_smoothed.count() == 0 ? rtt : (stats_.rtt_smoothed * 7 + rtt) / 8;
}

void Session::on_close(const CloseFrame& frame) {
    close_text_ = frame.text;
    const auto error = frame.code == Code::no_error ? Error() : error_of(frame.code);
    if (carrier_ != nullptr) std::exchange(carrier_, nullptr)->close();
    end(error, error);
}

void Session::payload_consumed(std::uint64_t bytes) {
    receive_.consume(bytes);
    if (receive_.is_due()) news(true);
}

/// Channels whose handlers want packets again.
void Session::deliver() {
    while (!is_ended_) {
        auto* channel = reading_.pop();
        if (channel == nullptr) return;
        channel->deliver_queued();
    }
}

}  // namespace penstock::stream
