// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/inner_fields.hpp>
#include <penstock/stream/message_records.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

// The body that answers POST /enc (docs/protocol.md, 1.7):
//
//     prefix = u8 1 | u8 0x11 | u16 flags (4 streaming) | u64 n | salt[16]
//     inner  = u16 status | fields | u64 body_len | body
//
// in records like the request's. Its key comes from the request's number and salt and from its own salt, so
// it answers this request or doesn't open.
namespace penstock::stream {

struct ResponsePrefix {
    std::uint64_t n = 0;
    Salt salt{};
    bool is_streaming = false;
};
/// Of bytes that begin with one: response_prefix_bytes. Error: protocol.
Result<ResponsePrefix> parse_response_prefix(Bytes bytes);
/// To the front of `out`; answers response_prefix_bytes.
std::size_t write_response_prefix(const ResponsePrefix& prefix, std::span<std::byte> out);

/// The head inside; views.
struct InnerResponse {
    std::uint16_t status;  ///< 200 to 599
    InnerFields fields;
    std::optional<std::uint64_t> body_bytes;  ///< none: until the final record
    std::size_t head_bytes;                   ///< what is behind them in record 0 is body
};
/// Of the plaintext of record 0. Error: protocol.
Result<InnerResponse> parse_inner_response(Bytes plain, bool is_streaming);
/// Error: protocol, for what the other side would refuse.
Result<void> append_inner_response(std::string& out, std::uint16_t status, std::span<const InnerField> fields,
                                   std::optional<std::uint64_t> body_bytes);

/// A whole response, for small ones.
void append_response(Ciphers& ciphers, const MessageKey& key, const ResponsePrefix& prefix, Bytes inner,
                     std::string& out);
/// The inner part of a whole one, in place: the answer to request `n` with `salt`. Errors: protocol (another
/// n, too), decrypt.
Result<std::span<std::byte>> open_response(crypto::Algorithms& algorithms, Ciphers& ciphers,
                                           const RequestKey& key, std::uint64_t n, const Salt& salt,
                                           std::span<std::byte> body);

}  // namespace penstock::stream
