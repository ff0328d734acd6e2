// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// What may stand in the request line inside an encrypted request (docs/protocol.md, 1.7).
namespace penstock::stream::detail {

/// A letter, a digit, or !#$%&'*+-.^_`|~ (RFC 9110, 5.6.2).
bool is_token_char(char c);
bool is_token(std::string_view text);

/// A path as it may be asked for inside: begins with '/', visible, escapes well-formed, no ".." above the
/// root; and, once escapes and dot segments are resolved, none of the protocol's own (/enc, /enc_init,
/// /stream and what is below it) but /stream_ctl.
bool is_inner_path(std::string_view path);
bool is_inner_query(std::string_view query);

}  // namespace penstock::stream::detail
