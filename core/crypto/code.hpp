// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <cstdint>

namespace penstock::crypto {

/// The wire protocol's error codes (docs/protocol.md, 9): one space for handshake, requests, sessions and
/// channels. Codes from 0x8000 on are the application's.
enum class Code : std::uint16_t {
    no_error = 0x0000,
    protocol = 0x0001,
    internal = 0x0002,
    version = 0x0003,
    no_suite = 0x0004,
    network_key = 0x0005,
    overload = 0x0008,
    rate_limited = 0x0009,
    cert_untrusted = 0x000A,
    cert_expired = 0x000B,
    identity_mismatch = 0x000C,
    handshake = 0x000D,
    signature = 0x000E,

    key_unknown = 0x0101,
    replay = 0x0102,
    decrypt = 0x0103,
    auth_required = 0x0104,
    auth_refused = 0x0105,

    no_session = 0x0201,
    attach_stale = 0x0202,
    wrong_node = 0x0203,
    resume_bad = 0x0204,
    session_lost = 0x0205,
    quota = 0x0206,
    detached = 0x0207,
    shutdown = 0x0208,

    frame = 0x0301,
    flow = 0x0302,
    final_size = 0x0303,
    channel_unknown = 0x0304,
    channel_denied = 0x0305,
    channel_limit = 0x0306,
    message_too_big = 0x0307,
    cancelled = 0x0308,
    refused = 0x0309,
    offset = 0x030A,
    calm = 0x030B,
    timeout = 0x030C,
    key_update_flood = 0x030D,
    aead_limit = 0x030E,

    application = 0x8000,
};

/// For people, in lower case: "network key". Codes that are not in the table are "unknown code", the
/// application's "application code".
const char* name(Code code);

/// Domain stream. `text` is a literal; without one it is the code's name.
inline core::Error error(Code code) { return {core::Domain::stream, static_cast<int>(code), name(code)}; }
constexpr core::Error error(Code code, const char* text) {
    return {core::Domain::stream, static_cast<int>(code), text};
}
/// Whether an Error is this one of the protocol's.
constexpr bool is(const core::Error& got, Code code) { return got == error(code, nullptr); }

}  // namespace penstock::crypto
