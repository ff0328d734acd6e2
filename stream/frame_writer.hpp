// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/stream/frame.hpp>

#include <cstdint>
#include <span>

namespace penstock::stream {

/// Writes frames, one behind the other, into the caller's room: a record's part between header and tag. What
/// doesn't fit is not written: false, and all is as before. What would be malformed is our own bug: an
/// assertion. Does not allocate.
class FrameWriter {
public:
    explicit FrameWriter(std::span<std::byte> room) : room_(room) {}

    std::size_t size() const { return at_; }
    std::size_t left() const { return room_.size() - at_; }

    static std::size_t head_bytes(const DataFrame& frame) {
        return data_head_bytes + (frame.offset ? 8 : 0) + (frame.total_bytes != 0 ? 4 : 0);
    }
    /// With a copy of its data.
    [[nodiscard]] bool data(const DataFrame& frame);
    /// Without: the caller puts frame.data.size() bytes behind, here (`skip`) or as a piece of its own.
    [[nodiscard]] bool data_head(const DataFrame& frame);
    /// Counts bytes that were put at room()[size()]. Requires count <= left().
    void skip(std::size_t count);

    /// One behind the other, they share a frame.
    [[nodiscard]] bool window(const WindowEntry& entry);
    [[nodiscard]] bool ping(const PingFrame& frame);
    [[nodiscard]] bool pong(const PongFrame& frame);
    [[nodiscard]] bool reset(const ResetFrame& frame);
    [[nodiscard]] bool stop(const StopFrame& frame);
    /// Texts are cut to 255 bytes.
    [[nodiscard]] bool close(crypto::Code code, std::string_view text);
    [[nodiscard]] bool settings(const SettingsFrame& frame);
    [[nodiscard]] bool goaway(crypto::Code code, std::uint32_t drain_ms, std::span<const ChannelId> accepted,
                              std::span<const Endpoint> endpoints, std::string_view text);

    /// A part of RESUME: as many of the entries as fit, taken from the front of `entries`; when they are all
    /// in, and the marks fit, too, they close the part that is the last. True: that was it. Otherwise a part
    /// was written (or nothing, if not even one entry fits), and the rest is for the next record.
    [[nodiscard]] bool resume(std::span<const ResumeEntry>& entries, std::span<const ChannelId> opened);

    /// Fills what is left with PAD; under 4 bytes stay as they are, and the record is that much shorter.
    void pad();

private:
    bool begin(FrameKind kind, std::uint8_t arg, std::size_t body_bytes);
    void put(std::uint64_t value, std::size_t count);
    void put(Bytes bytes);
    void put_text(std::string_view text);
    void put_marks(std::span<const ChannelId> marks);
    void put_entry(const ResumeEntry& entry);

    std::span<std::byte> room_;
    std::size_t at_ = 0;
    std::size_t window_at_ = 0, window_end_ = 0;  // the last WINDOW; it can grow while window_end_ == at_
};

}  // namespace penstock::stream
