// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/frame.hpp>

#include <optional>

namespace penstock::stream {

/// Walks over the frames of one record's plaintext. Strict in what needs no state: layout, flags, reserved
/// values, lists; offsets, windows and which channels there are is the session's to judge. The frames are
/// views of the plaintext. Does not allocate.
///
///     for (FrameReader frames(plain); auto frame = frames.next();) ...
///     if (frames.error()) close the connection
class FrameReader {
public:
    explicit FrameReader(Bytes plain) : rest_(plain) {}

    /// None at the end, or at the first error. What came before it may have been acted upon.
    std::optional<Frame> next();
    /// Codes: protocol for an unknown kind, frame for one that is malformed. Empty in between and at the end.
    const Error& error() const { return error_; }

private:
    std::optional<Frame> read_data(std::uint8_t kind);
    std::optional<Frame> read_control(std::uint8_t kind, std::uint8_t arg, Bytes body);
    std::optional<Frame> refuse(Error error);

    Bytes rest_;
    Error error_;
};

}  // namespace penstock::stream
