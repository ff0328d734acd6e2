// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace penstock::http::detail {

enum class Port { optional, required };

/// `uri-host [ ":" port ]` of RFC 9110, 4.2 and 7.2: a name, an IPv4 address or [an IPv6 address]. Stricter
/// than RFC 3986: names are of letters, digits and -._~ only, a host is never empty, ports go to 65535.
bool is_authority(std::string_view text, Port port);

}  // namespace penstock::http::detail
