// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::http {

/// An absolute URL as a client takes it: `http://host[:port][/path][?query][#fragment]` (RFC 9110, 4.2.1; RFC
/// 3986, 3). Views into the text that was parsed. Refused: other schemes, user names (`http://a@b/`), an
/// empty host, port 0, and all characters that a request target can't have as they are (spaces, controls,
/// anything but ASCII: these are written as %XX). Nothing is decoded.
struct Url {
    static constexpr std::size_t bytes_max = 8 * 1024;

    std::string_view host;  ///< a name or an address, as it was written; IPv6 in brackets
    std::uint16_t port = 80;
    std::string_view path;   ///< empty or from '/' on
    std::string_view query;  ///< with its '?'; the fragment is not sent and not kept

    /// Errors are of Domain::http: 400.
    static Result<Url> parse(std::string_view text);

    /// As the request line has it: "/" at least.
    std::string target() const;
    /// As the Host field has it: the port is left out when it is 80.
    std::string authority() const;

    static constexpr bool sendable = false;
};

}  // namespace penstock::http
