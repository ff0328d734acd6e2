// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/detail/frame_bits.hpp>
#include <penstock/stream/detail/put.hpp>
#include <penstock/stream/frame_writer.hpp>

#include <algorithm>

namespace penstock::stream {
namespace {

constexpr std::size_t window_entry_bytes = 16;
constexpr std::uint64_t final_acked = std::uint64_t{1} << 63;

std::size_t entry_bytes(const ResumeEntry& entry) {
    return 21 + (entry.final_offset ? 8 : 0) + (entry.is_reset || entry.is_stopped ? 2 : 0);
}

std::size_t endpoint_bytes(const Endpoint& endpoint) {
    return 1 + 1 + endpoint.host.size() + 2 + 1 + endpoint.cid.size();
}

}  // namespace

void FrameWriter::put(std::uint64_t value, std::size_t count) {
    detail::put(room_.data() + at_, value, count);
    at_ += count;
}

void FrameWriter::put(Bytes bytes) {
    detail::put(room_.data() + at_, bytes);
    at_ += bytes.size();
}

void FrameWriter::put_text(std::string_view text) {
    put(text.size(), 1);
    put(Bytes(text));
}

bool FrameWriter::begin(FrameKind kind, std::uint8_t arg, std::size_t body_bytes) {
    if (left() < frame_head_bytes + body_bytes || body_bytes > 0xFFFF) return false;
    put(static_cast<std::uint8_t>(kind), 1);
    put(arg, 1);
    put(body_bytes, 2);
    return true;
}

bool FrameWriter::data_head(const DataFrame& frame) {
    PENSTOCK_ASSERT(detail::is_well_formed(frame) && frame.data.size() <= 0xFFFF);
    if (left() < head_bytes(frame)) return false;
    const unsigned flags = (frame.begins ? detail::begins : 0) | (frame.ends ? detail::ends : 0) |
                           (frame.total_bytes != 0 ? detail::with_total : 0) |
                           (frame.offset ? detail::with_offset : 0);
    put((frame.is_fin ? detail::data_fin_from : detail::data_from) | flags, 1);
    put(frame.type, 1);
    put(frame.data.size(), 2);
    put(frame.channel.value(), 4);
    if (frame.offset) put(*frame.offset, 8);
    if (frame.total_bytes != 0) put(frame.total_bytes, 4);
    return true;
}

bool FrameWriter::data(const DataFrame& frame) {
    if (left() < head_bytes(frame) + frame.data.size()) return false;
    PENSTOCK_ASSERT(data_head(frame));
    put(frame.data);
    return true;
}

void FrameWriter::skip(std::size_t count) {
    PENSTOCK_ASSERT(count <= left());
    at_ += count;
}

bool FrameWriter::window(const WindowEntry& entry) {
    PENSTOCK_ASSERT(entry.consumed <= offset_max &&
                    (entry.channel.is_valid() || (entry.channel.is_connection() && !entry.is_final_acked)));
    if (window_end_ == at_ && window_end_ != 0) {
        if (left() < window_entry_bytes) return false;
        const auto body_bytes = at_ - window_at_ - frame_head_bytes + window_entry_bytes;
        detail::put(room_.data() + window_at_ + 2, body_bytes, 2);
    } else {
        const auto at = at_;
        if (!begin(FrameKind::window, 0, window_entry_bytes)) return false;
        window_at_ = at;
    }
    put(entry.channel.value(), 4);
    put(entry.consumed | (entry.is_final_acked ? final_acked : 0), 8);
    put(entry.window_bytes, 4);
    window_end_ = at_;
    return true;
}

bool FrameWriter::ping(const PingFrame& frame) {
    if (!begin(FrameKind::ping, 0, 12)) return false;
    put(frame.opaque, 8);
    put(frame.held_us, 4);
    return true;
}

bool FrameWriter::pong(const PongFrame& frame) {
    if (!begin(FrameKind::pong, 0, 12)) return false;
    put(frame.opaque, 8);
    put(frame.held_us, 4);
    return true;
}

bool FrameWriter::reset(const ResetFrame& frame) {
    PENSTOCK_ASSERT(frame.channel.is_valid() && frame.final_offset <= offset_max);
    if (!begin(FrameKind::reset, 0, 14)) return false;
    put(frame.channel.value(), 4);
    put(static_cast<std::uint16_t>(frame.code), 2);
    put(frame.final_offset, 8);
    return true;
}

bool FrameWriter::stop(const StopFrame& frame) {
    PENSTOCK_ASSERT(frame.channel.is_valid());
    if (!begin(FrameKind::stop, 0, 6)) return false;
    put(frame.channel.value(), 4);
    put(static_cast<std::uint16_t>(frame.code), 2);
    return true;
}

bool FrameWriter::close(crypto::Code code, std::string_view text) {
    text = text.substr(0, 255);
    if (!begin(FrameKind::close, 0, 3 + text.size())) return false;
    put(static_cast<std::uint16_t>(code), 2);
    put_text(text);
    return true;
}

bool FrameWriter::settings(const SettingsFrame& frame) {
    constexpr std::size_t setting_bytes = 8;
    const auto count = std::size_t{frame.ping_ms.has_value()} + frame.record_bytes_max.has_value();
    if (!begin(FrameKind::settings, 0, count * setting_bytes)) return false;
    const auto put_setting = [this](std::uint16_t type, std::optional<std::uint32_t> value) {
        if (!value) return;
        put(type, 2);
        put(4, 2);
        put(*value, 4);
    };
    put_setting(detail::ping_setting, frame.ping_ms);
    put_setting(detail::record_setting, frame.record_bytes_max);
    return true;
}

bool FrameWriter::goaway(crypto::Code code, std::uint32_t drain_ms, std::span<const ChannelId> accepted,
                         std::span<const Endpoint> endpoints, std::string_view text) {
    PENSTOCK_ASSERT(accepted.size() <= 255 && endpoints.size() <= 255);
    text = text.substr(0, 255);
    std::size_t body_bytes = 2 + 4 + 1 + 4 * accepted.size() + 1 + 1 + text.size();
    for (const auto& endpoint : endpoints) {
        PENSTOCK_ASSERT(is_valid(endpoint));
        body_bytes += endpoint_bytes(endpoint);
    }
    if (!begin(FrameKind::goaway, 0, body_bytes)) return false;
    put(static_cast<std::uint16_t>(code), 2);
    put(drain_ms, 4);
    put_marks(accepted);
    put(endpoints.size(), 1);
    for (const auto& endpoint : endpoints) {
        put(static_cast<std::uint8_t>(endpoint.transport), 1);
        put_text(endpoint.host);
        put(endpoint.port, 2);
        put_text(endpoint.cid.text());
    }
    put_text(text);
    return true;
}

void FrameWriter::put_marks(std::span<const ChannelId> marks) {
    put(marks.size(), 1);
    for (const auto channel : marks) {
        PENSTOCK_ASSERT(channel.is_valid());
        put(channel.value(), 4);
    }
}

void FrameWriter::put_entry(const ResumeEntry& entry) {
    PENSTOCK_ASSERT(entry.channel.is_valid() && entry.limit >= entry.offset && entry.offset <= offset_max &&
                    entry.final_offset.value_or(entry.offset) >= entry.offset);
    put(entry.channel.value(), 4);
    put((entry.final_offset ? 1u : 0u) | (entry.is_reset ? 2u : 0u) | (entry.is_stopped ? 4u : 0u), 1);
    put(entry.offset, 8);
    put(entry.limit, 8);
    if (entry.final_offset) put(*entry.final_offset, 8);
    if (entry.is_reset || entry.is_stopped) put(static_cast<std::uint16_t>(entry.code), 2);
}

bool FrameWriter::resume(std::span<const ResumeEntry>& entries, std::span<const ChannelId> opened) {
    PENSTOCK_ASSERT(opened.size() <= 255);
    constexpr std::size_t least = 3;  // count of entries, count of marks
    if (left() < frame_head_bytes + least) return false;
    const auto room = std::min<std::size_t>(left() - frame_head_bytes, 0xFFFF);
    std::size_t count = 0, body_bytes = least;
    while (count < entries.size() && body_bytes + entry_bytes(entries[count]) <= room)
        body_bytes += entry_bytes(entries[count++]);
    const bool is_last = count == entries.size() && body_bytes + 4 * opened.size() <= room;
    if (!is_last && count == 0) return false;
    if (is_last) body_bytes += 4 * opened.size();
    PENSTOCK_ASSERT(begin(FrameKind::resume, is_last ? detail::last_part : 0, body_bytes));
    put(count, 2);
    for (const auto& entry : entries.first(count)) put_entry(entry);
    put_marks(is_last ? opened : std::span<const ChannelId>());
    entries = entries.subspan(count);
    return is_last;
}

void FrameWriter::pad() {
    if (left() < frame_head_bytes) return;
    const auto zeros = left() - frame_head_bytes;
    PENSTOCK_ASSERT(begin(FrameKind::pad, 0, zeros));
    std::ranges::fill(room_.subspan(at_, zeros), std::byte{0});
    at_ += zeros;
}

}  // namespace penstock::stream
