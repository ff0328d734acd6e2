// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/endpoint.hpp>
#include <penstock/stream/limits.hpp>
#include <penstock/stream/routed_id.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

// The bodies of POST /stream_ctl and of its answers (docs/protocol.md, 2.1 and 2.2): a session is opened,
// asked for or closed. It exists only inside /enc, so both are authenticated. Parsed ones are views of their
// input. Errors have Code::protocol.
namespace penstock::stream {

/// How a letter's messages arrive; all but `ordered` make a difference on UDP only.
enum class Mode : std::uint8_t { ordered, unordered, latest, sequenced };

using SessionNonce = std::array<std::uint8_t, 32>;

/// A letter that the client asks for.
struct LetterRequest {
    char letter = 0;
    Mode mode = Mode::ordered;
    std::uint16_t instances_max = 1;  ///< at least 1
    std::uint32_t window_bytes = channel_window_bytes;
    std::uint32_t message_bytes_max = stream::message_bytes_max;
    std::uint8_t priority = 2;  ///< class_min to class_max
    std::uint8_t weight = 4;    ///< 1 to weight_max
    Bytes params{};             ///< the application's; nothing reads them yet
};

struct OpenRequest {
    bool wants_tcp = true, wants_udp = false, wants_websocket = false;
    SessionNonce nonce{};
    std::vector<LetterRequest> letters{};  ///< up to letters_max, each letter once
    std::uint32_t connection_window_bytes = stream::connection_window_bytes;
    std::uint32_t record_bytes_max = stream::record_bytes_max;
    std::chrono::milliseconds ping = ping_time;
    std::chrono::milliseconds resume = resume_time;
};
/// Whether the session lives, and is this identity's.
struct AskRequest {
    RoutedId session{};
};
struct CloseRequest {
    RoutedId session{};
};
using ControlRequest = std::variant<OpenRequest, AskRequest, CloseRequest>;

Result<ControlRequest> parse_control_request(Bytes body);
void append(std::string& out, const OpenRequest& request);
void append(std::string& out, const AskRequest& request);
void append(std::string& out, const CloseRequest& request);

/// What the server makes of a letter: granted within these limits, or an error code.
struct LetterReply {
    char letter = 0;
    crypto::Code result = crypto::Code::no_error;
    std::uint16_t instances_max = 0;
    std::uint32_t window_bytes = 0;
    std::uint32_t message_bytes_max = 0;

    bool is_granted() const { return result == crypto::Code::no_error; }
};

struct OpenReply {
    bool has_tcp = false, has_udp = false, has_websocket = false;
    RoutedId session{};
    SessionNonce nonce{};
    std::vector<LetterReply> letters{};
    std::uint32_t connection_window_bytes = 0;
    std::uint32_t record_bytes_max = 0;
    std::chrono::milliseconds attach_ttl = stream::attach_ttl;
    std::chrono::milliseconds resume{};
    std::chrono::seconds life = session_life;
    std::vector<Endpoint> endpoints{};
};

/// `u8 ver | u16 status`: the whole answer to ask and close, and to an open that was refused. An open that
/// was not refused goes on behind it.
void append_status(std::string& out, crypto::Code status);
void append(std::string& out, const OpenReply& reply);
/// Of ask and close. Answers the status.
Result<crypto::Code> parse_status(Bytes body);
/// Of open. A refusal is an Error with the code that was sent; `protocol` also means malformed.
Result<OpenReply> parse_open_reply(Bytes body);

// Limits are the minimum of both sides.

/// What `wanted` gets of `ours`, a letter that the server has: messages fit twice into the window.
LetterReply grant(const LetterRequest& wanted, const LetterRequest& ours);
/// The part of a reply that follows from both sides' limits; session, nonce, letters and endpoints are the
/// caller's. `ours` says which transports there are.
OpenReply grant(const OpenRequest& wanted, const OpenRequest& ours);
/// For the client: every letter of the request is answered once and in order, and nothing exceeds what was
/// asked for.
Result<void> check(const OpenReply& reply, const OpenRequest& request);

}  // namespace penstock::stream
