// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace penstock::http {

/// The reason phrase of a status (RFC 9110, 15, and the registry): "Not Found"; empty when it is unknown.
std::string_view reason(int status);

/// Whether a response with this status never has a body, whatever its fields say (RFC 9112, 6.3).
constexpr bool is_bodiless(int status) {
    return (status >= 100 && status < 200) || status == 204 || status == 304;
}

}  // namespace penstock::http
