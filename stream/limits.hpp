// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// All sizes and limits of the wire format (docs/protocol.md; the section is in brackets). Those that a node
/// may choose have a setting elsewhere.
namespace penstock::stream {

using namespace std::chrono_literals;

// Handshake [1.2, 1.5, 9]
inline constexpr std::uint16_t protocol_version = 1;
inline constexpr std::size_t client_hello_head_bytes = 10;
inline constexpr std::size_t server_hello_head_bytes = 7;
inline constexpr std::size_t client_hello_bytes_max = 4096;
inline constexpr std::size_t server_hello_bytes_max = 8192;
inline constexpr std::size_t message_3_bytes_max = 4096;
inline constexpr std::size_t network_keys_max = 2;
inline constexpr int message_3_failures_max = 4;
inline constexpr std::size_t kem_public_bytes = 1184, kem_ciphertext_bytes = 1088;  // ML-KEM-768
inline constexpr std::chrono::seconds key_idle = 300s, key_life = 3600s, key_fresh = 30s;

// Encrypted requests and responses [1.7]
inline constexpr std::size_t id_bytes = 16;  // of keys and of sessions
inline constexpr std::size_t salt_bytes = 16;
inline constexpr std::size_t request_prefix_bytes_min = 46;
inline constexpr std::size_t response_prefix_bytes = 28;
inline constexpr std::size_t sealed_bytes_min = 16, sealed_bytes_max = 16382;  // "clen": with the tag
inline constexpr std::size_t message_record_bytes_max = 2 + sealed_bytes_max;
inline constexpr std::size_t message_plain_bytes_max = sealed_bytes_max - 16;  // the inner head fits in one
inline constexpr std::size_t inner_fields_max = 64;
inline constexpr std::uint64_t body_until_final = ~std::uint64_t{0};
inline constexpr std::size_t request_replay_window = 256;

// stream_ctl and sessions [2, 3.3, 3.6]
inline constexpr char letter_min = 0x21, letter_max = 0x7E;
inline constexpr std::size_t letters_max = 64;
inline constexpr std::size_t channels_max = 1024;
inline constexpr std::uint32_t channel_window_bytes = 256 << 10, channel_window_bytes_max = 8 << 20;
inline constexpr std::uint32_t connection_window_bytes = 4 << 20, session_bytes_max = 32 << 20;
inline constexpr std::uint32_t message_bytes_max = 128 << 10;
inline constexpr std::uint8_t weight_max = 16;
inline constexpr std::uint8_t class_min = 1, class_max = 3;  // interactive, normal, bulk
inline constexpr std::chrono::milliseconds attach_ttl = 10s, resume_time = 120s, resume_time_max = 15min;
inline constexpr std::chrono::seconds session_life = 24h;
inline constexpr std::size_t cid_bytes = 8;

// Attach [2.3, 3.1]
inline constexpr std::size_t attach_message_bytes = 48;
inline constexpr std::size_t id_text_bytes = 22, attach_message_text_bytes = 64;

// Records [3.2]
inline constexpr std::uint8_t record_magic = 0xE1;
inline constexpr std::size_t record_head_bytes = 4;
inline constexpr std::size_t record_overhead_bytes = record_head_bytes + 16;
inline constexpr std::size_t record_bytes_max = 16384, record_bytes_max_lowest = 2048;
inline constexpr std::size_t record_plain_bytes_max = record_bytes_max - record_overhead_bytes;
inline constexpr std::uint64_t records_per_key_max = 1u << 22;
inline constexpr std::chrono::hours record_key_age_max = 1h;
inline constexpr std::uint64_t key_update_records_min = 1024;  // less, and also sooner than: a flood
inline constexpr std::chrono::seconds key_update_time_min = 1s;

// Frames and channel offsets [3.3]
inline constexpr std::size_t frame_head_bytes = 4, data_head_bytes = 8, data_head_bytes_max = 20;
inline constexpr std::uint32_t instance_max = 0xFFFFFF, instance_by_server = 0x800000;
inline constexpr std::uint64_t message_cost_bytes = 16;  // what the first piece of a message costs extra
inline constexpr std::size_t piece_bytes_max = record_plain_bytes_max - data_head_bytes;
inline constexpr std::uint64_t offset_max = (std::uint64_t{1} << 63) - 1;  // the top bit is a flag in WINDOW

// Time without traffic [3.6, 3.7]
inline constexpr std::chrono::milliseconds ping_time = 20s, dead_time = 50s, window_delay = 25ms;

}  // namespace penstock::stream
