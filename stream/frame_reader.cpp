// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/extensions.hpp>
#include <penstock/stream/detail/frame_bits.hpp>
#include <penstock/stream/frame_reader.hpp>

#include <algorithm>

namespace penstock::stream {
namespace {

using crypto::Code;
using crypto::Reader;

/// The bodies of control frames: none where one is malformed.
using Read = std::optional<Frame>;

Read read_window(Reader& reader) {
    constexpr std::size_t entry_bytes = 16;
    const auto size = reader.rest().size();
    if (size == 0 || size % entry_bytes != 0) return std::nullopt;
    const auto entries = WindowEntries::parse(reader, size / entry_bytes);
    if (!entries) return std::nullopt;
    return WindowFrame{*entries};
}

template <class T>
Read read_ping(Reader& reader) {
    T out;
    out.opaque = reader.u64();
    out.held_us = reader.u32();
    return out;
}

Read read_reset(Reader& reader) {
    ResetFrame out;
    out.channel = ChannelId(reader.u32());
    out.code = static_cast<Code>(reader.u16());
    out.final_offset = reader.u64();
    if (!out.channel.is_valid() || out.final_offset > offset_max) return std::nullopt;
    return out;
}

Read read_stop(Reader& reader) {
    StopFrame out;
    out.channel = ChannelId(reader.u32());
    out.code = static_cast<Code>(reader.u16());
    if (!out.channel.is_valid()) return std::nullopt;
    return out;
}

Read read_close(Reader& reader) {
    CloseFrame out;
    out.code = static_cast<Code>(reader.u16());
    out.text = reader.v8().text();
    return out;
}

Read read_goaway(Reader& reader) {
    GoawayFrame out;
    out.code = static_cast<Code>(reader.u16());
    out.drain_ms = reader.u32();
    const auto accepted = Marks::parse(reader, reader.u8());
    if (!accepted) return std::nullopt;
    const auto endpoints = Endpoints::parse(reader, reader.u8());
    if (!endpoints) return std::nullopt;
    out.accepted = *accepted;
    out.endpoints = *endpoints;
    out.text = reader.v8().text();
    return out;
}

Read read_resume(Reader& reader, bool is_last) {
    const auto entries = ResumeEntries::parse(reader, reader.u16());
    if (!entries) return std::nullopt;
    const auto opened = Marks::parse(reader, reader.u8());
    if (!opened) return std::nullopt;
    return ResumeFrame{is_last, *entries, *opened};
}

/// False: not four bytes. Empty where there is no such setting.
bool read_setting(const crypto::Extensions& list, std::uint16_t type, std::optional<std::uint32_t>& out) {
    const auto value = list.find(type);
    if (!value) return true;
    Reader reader(*value);
    out = reader.u32();
    return reader.done();
}

Read read_settings(Reader& reader) {
    const auto list = crypto::Extensions::parse(reader.take(reader.rest().size()), {});
    SettingsFrame out;
    if (!list || !read_setting(*list, detail::ping_setting, out.ping_ms) ||
        !read_setting(*list, detail::record_setting, out.record_bytes_max))
        return std::nullopt;
    const auto bytes = out.record_bytes_max.value_or(record_bytes_max);
    if (bytes < record_bytes_max_lowest || bytes > record_bytes_max) return std::nullopt;
    return out;
}

Read read_body(FrameKind kind, std::uint8_t arg, Reader& reader) {
    if (arg > (kind == FrameKind::resume ? detail::last_part : 0)) return std::nullopt;
    switch (kind) {
        case FrameKind::resume: return read_resume(reader, arg == detail::last_part);
        case FrameKind::window: return read_window(reader);
        case FrameKind::ping: return read_ping<PingFrame>(reader);
        case FrameKind::pong: return read_ping<PongFrame>(reader);
        case FrameKind::goaway: return read_goaway(reader);
        case FrameKind::close: return read_close(reader);
        case FrameKind::reset: return read_reset(reader);
        case FrameKind::stop: return read_stop(reader);
        case FrameKind::settings: return read_settings(reader);
        default: return std::nullopt;
    }
}

bool is_known(std::uint8_t kind) {
    switch (static_cast<FrameKind>(kind)) {
        case FrameKind::pad:
        case FrameKind::resume:
        case FrameKind::window:
        case FrameKind::ping:
        case FrameKind::pong:
        case FrameKind::goaway:
        case FrameKind::close:
        case FrameKind::reset:
        case FrameKind::stop:
        case FrameKind::settings: return true;
        default: return false;
    }
}

}  // namespace

std::optional<Frame> FrameReader::refuse(Error error) {
    error_ = error;
    rest_ = {};
    return std::nullopt;
}

std::optional<Frame> FrameReader::next() {
    while (!rest_.empty()) {
        const auto kind = std::to_integer<std::uint8_t>(rest_[0]);
        if (kind >= detail::data_from && kind <= detail::data_to) return read_data(kind);
        if (kind < skipped_from && !is_known(kind))
            return refuse(crypto::error(Code::protocol, "a frame of an unknown kind"));
        Reader reader(rest_.from(1));
        const auto arg = reader.u8();
        const auto body = reader.v16();
        if (!reader.ok()) return refuse(crypto::error(Code::frame, "a frame that is longer than its record"));
        rest_ = reader.rest();
        if (kind >= skipped_from) continue;
        if (kind != static_cast<std::uint8_t>(FrameKind::pad)) return read_control(kind, arg, body);
        if (arg != 0 || !rest_.empty() ||
            std::ranges::any_of(body, [](std::byte b) { return b != std::byte{0}; }))
            return refuse(crypto::error(Code::frame, "padding that is not zeros to the end"));
    }
    return std::nullopt;
}

std::optional<Frame> FrameReader::read_data(std::uint8_t kind) {
    const auto malformed = [this] { return refuse(crypto::error(Code::frame, "malformed DATA")); };
    if (rest_.size() < data_head_bytes) return malformed();
    Reader reader(rest_.from(1));
    DataFrame out;
    out.type = reader.u8();
    const auto size = reader.u16();
    out.channel = ChannelId(reader.u32());
    if ((kind & detail::with_offset) != 0) out.offset = reader.u64();
    const bool has_total = (kind & detail::with_total) != 0;
    if (has_total) out.total_bytes = reader.u32();
    out.data = reader.take(size);
    out.begins = (kind & detail::begins) != 0;
    out.ends = (kind & detail::ends) != 0;
    out.is_fin = kind >= detail::data_fin_from;
    if (!reader.ok() || has_total != (out.total_bytes != 0) || !detail::is_well_formed(out))
        return malformed();
    rest_ = reader.rest();
    return out;
}

std::optional<Frame> FrameReader::read_control(std::uint8_t kind, std::uint8_t arg, Bytes body) {
    Reader reader(body);
    auto out = read_body(static_cast<FrameKind>(kind), arg, reader);
    if (!out || !reader.done()) return refuse(crypto::error(Code::frame, "malformed control frame"));
    return out;
}

}  // namespace penstock::stream
