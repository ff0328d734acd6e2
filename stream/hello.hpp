// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/limits.hpp>

#include <cstdint>
#include <string>
#include <string_view>

// The bodies of /enc_init, and of errors before there are keys (docs/protocol.md, 1.2):
//
//     ClientHello = "PST1" | u8 1 | u16 version | u8 suite | v16 reserved, empty | message 1
//     ServerHello = "PST1" | u8 2 | v16 reserved, empty | message 2
//     Error       = "PST1" | u8 0x7F | u16 code | v8 text
//
// Layout only: what the messages say is Noise's and payload.hpp's. Parsed ones are views of their input.
namespace penstock::stream {

struct ClientHello {
    crypto::Suite suite = crypto::Suite::aes_gcm;
    Bytes head{};  ///< the prologue of the handshake
    Bytes message_1{};
};
void append_client_hello_head(std::string& out, crypto::Suite suite);
/// Errors: version, no_suite, protocol. Bytes 0-6 are judged first: they are the same in every version.
Result<ClientHello> parse_client_hello(Bytes body);

struct ServerHello {
    Bytes message_2{};
};
void append_server_hello_head(std::string& out);
Result<ServerHello> parse_server_hello(Bytes body);

/// Unauthenticated, a hint only. The text may hold any bytes: escape it where a person reads it.
struct ErrorBody {
    crypto::Code code = crypto::Code::no_error;
    std::string_view text{};
};
/// What is over 255 bytes of text is cut off.
void append_error_body(std::string& out, ErrorBody error);
Result<ErrorBody> parse_error_body(Bytes body);

/// What this node speaks, as the text of Error VERSION: decimal numbers with commas between.
std::string_view versions_text();

/// The status that goes with an Error body in clear (9).
int http_status(crypto::Code code);

}  // namespace penstock::stream
