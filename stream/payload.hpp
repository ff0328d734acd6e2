// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/limits.hpp>
#include <penstock/stream/routed_id.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

// What the three messages of the handshake carry (docs/protocol.md, 1.2):
//
//     payload 1 = v16 ext
//     payload 2 = v8 versions | key_id[16] | u32 idle_s | u32 life_s | u16 replay_window | u8 policy
//                 | u8 cert_type | v16 cert | v16 ext
//     payload 3 = u8 cert_type | v16 cert | v16 ext
//
// Parsed ones are views of their input; certificates are not looked into. Errors have Code::protocol.
namespace penstock::stream {

/// Extension 2: a public key in payload 1, a ciphertext in payload 2.
struct KemShare {
    std::uint16_t kem = 0;
    Bytes bytes{};
};

struct Payload1 {
    std::optional<KemShare> kem{};
};
void append_payload_1(std::string& out, const Payload1& payload);
Result<Payload1> parse_payload_1(Bytes bytes);

/// What the server promises about a request key.
struct KeyTerms {
    RoutedId key_id{};
    std::chrono::seconds idle = key_idle;  ///< from request to request; whole seconds below 2^32, like life
    std::chrono::seconds life = key_life;
    std::uint16_t replay_window = request_replay_window;
    bool certificate_for_stream_ctl = true;   ///< policy bit 0: the client must show one
    bool certificate_for_everything = false;  ///< policy bit 1
};

struct Payload2 {
    Bytes versions{};  ///< u16 each
    KeyTerms terms{};
    Bytes certificate{};  ///< empty: type 0, none
    std::optional<KemShare> kem{};
};
/// `versions` is filled in with what this node speaks.
void append_payload_2(std::string& out, const Payload2& payload);
Result<Payload2> parse_payload_2(Bytes bytes);

struct Payload3 {
    Bytes certificate{};  ///< empty: type 0, an anonymous client
};
void append_payload_3(std::string& out, const Payload3& payload);
Result<Payload3> parse_payload_3(Bytes bytes);

}  // namespace penstock::stream
