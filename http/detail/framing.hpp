// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/http/fields.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::http::detail {

/// What the fields of one head say about where its message ends and what its connection does then (RFC 9112,
/// 6 and 9). Refused: what two implementations could read differently, also where the RFC would let it pass
/// (equal lengths twice, Transfer-Encoding twice, a length beside a coding, tabs around either).
struct Framing {
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool close = false;               ///< Connection: close
    bool keep_alive = false;          ///< Connection: keep-alive
    bool upgrade_connection = false;  ///< Connection: upgrade
    bool upgrade = false;             ///< there is an Upgrade field that says to what

    /// Fields it doesn't know are passed over. `value` lies in its line: what stands around it, from the
    /// colon to the CR, is looked at, too. Errors of Domain::http: 400, or 501 for an unknown coding.
    Error read(FieldId id, std::string_view value, bool is_http_1_0);

    /// Whether the connection goes on after this message.
    bool is_persistent(bool is_http_1_0) const { return !close && (!is_http_1_0 || keep_alive); }

private:
    Error read_length(std::string_view value);
    Error read_coding(std::string_view value, bool is_http_1_0);
    void read_connection(std::string_view value);
};

}  // namespace penstock::http::detail
