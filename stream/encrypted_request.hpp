// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/inner_fields.hpp>
#include <penstock/stream/message_records.hpp>
#include <penstock/stream/routed_id.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// The body of POST /enc (docs/protocol.md, 1.7):
//
//     prefix = u8 1 | u8 0x10 | u16 flags | key_id[16] | u64 n | salt[16] | v16 reserved, empty
//              | [v16 message 3 if flag 2]                  flags: 2 message 3, 4 streaming, 8 close key
//     inner  = u8 method | [v8 name if method 0] | v16 path | v16 query | fields | u64 body_len | body
//
// and the inner part in records (message_records.hpp), all of its head in the first. Who opens one: prefix,
// key by its id, replay window `check`, message 3 if the key is fresh, request_message_key, record 0, window
// `set`, parse_inner_request; later records need the MessageKey alone, on any worker (1.6).
namespace penstock::stream {

struct RequestPrefix {
    RoutedId key_id{};
    std::uint64_t n = 0;
    Salt salt{};
    Bytes message_3{};  ///< empty: none
    bool is_streaming = false;
    bool closes_key = false;

    std::size_t bytes() const {
        return request_prefix_bytes_min + (message_3.empty() ? 0 : 2 + message_3.size());
    }
};
/// How many bytes the prefix at the front of `bytes` has, as far as can be seen: more than are there means
/// that it isn't whole. Error: protocol.
Result<std::size_t> request_prefix_bytes(Bytes bytes);
/// Of bytes that begin with a whole one. Views of them. Error: protocol.
Result<RequestPrefix> parse_request_prefix(Bytes bytes);
/// To the front of `out`, which has room for prefix.bytes(); answers those. Requires a message 3 of at most
/// message_3_bytes_max.
std::size_t write_request_prefix(const RequestPrefix& prefix, std::span<std::byte> out);

/// The head inside; views.
struct InnerRequest {
    std::string_view method;  ///< "GET"; never CONNECT or TRACE
    std::string_view path;    ///< percent-encoded; begins with '/'
    std::string_view query;   ///< without '?'
    InnerFields fields;
    std::optional<std::uint64_t> body_bytes;  ///< none: until the final record
    std::size_t head_bytes;                   ///< what is behind them in record 0 is body
};
/// Of the plaintext of record 0. Error: protocol.
Result<InnerRequest> parse_inner_request(Bytes plain, bool is_streaming);

struct InnerRequestLine {
    std::string_view method, path, query{};
};
/// The head; the body goes behind. Error: protocol, for what the other side would refuse.
Result<void> append_inner_request(std::string& out, InnerRequestLine line, std::span<const InnerField> fields,
                                  std::optional<std::uint64_t> body_bytes);

/// A whole request, for small ones.
void append_request(Ciphers& ciphers, const MessageKey& key, const RequestPrefix& prefix, Bytes inner,
                    std::string& out);
/// The inner part of a whole one, in place. Requires a whole prefix at the front. Errors: protocol, decrypt.
Result<std::span<std::byte>> open_request(Ciphers& ciphers, const MessageKey& key, std::span<std::byte> body);

}  // namespace penstock::stream
