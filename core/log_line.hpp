// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/log.hpp>

namespace penstock::core {

// A log line on its way: encoded by its writer into a ring, read and formatted by the log thread.
//
//     i64 wall time in ns | u8 level | text | fields until the end
//     text, name: u16 size, its top bit set when cut | bytes
//     field: name | u8 kind (the index in Value::Variant) | the value; text as above, all else as it lies
//
// It never leaves the process: native order, no checks, and Errors keep the pointer to their static text.

/// What `length` holds when a text was cut.
inline constexpr std::uint16_t log_text_cut = 0x8000;

/// False when the ring has no room.
bool encode_log_line(LogRing& ring, LogLevel level, WallTime time, std::string_view text,
                     const Field (&fields)[4]);

struct LogLineHead {
    LogLevel level;
    WallTime time;
};
/// Appends all but the time: `warn  worker 0: accept failed peer=127.0.0.1:80`. No control character is left.
LogLineHead append_log_line(std::string& out, std::string_view record, std::string_view log_name);

/// Appends `warn  worker 0: `.
void append_log_prefix(std::string& out, LogLevel level, std::string_view log_name);

}  // namespace penstock::core
