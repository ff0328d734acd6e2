// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <cstdint>

namespace penstock::client {

/// How far a client has come (docs/protocol.md, 6).
enum class Stage : std::uint8_t {
    begin,
    enc_init,
    stream_ctl,
    stream_session,
    stream_connected,
    stream_streaming
};
inline constexpr std::size_t stage_count = 6;
enum class Status : std::uint8_t { none, in_progress, error, backoff, done, complete };

const char* name(Stage stage);
const char* name(Status status);

/// What the owner hears of each step.
struct StageEvent {
    Stage stage = Stage::begin;
    Status status = Status::none;
    unsigned attempt = 1;
    std::chrono::milliseconds elapsed{0};  ///< since the stage was entered
    Error error{};
    bool will_retry = false;
    std::chrono::milliseconds delay{0};  ///< until the retry
};

}  // namespace penstock::client
