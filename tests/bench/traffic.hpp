// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace penstock::bench {

/// How a reply's end is found: by its HTTP head, or because it is the request again.
enum class Protocol : std::uint8_t { http, echo };

/// What a server is asked, and what it must answer.
struct Traffic {
    Protocol protocol;
    std::string request;
    std::string body;  ///< what the reply must carry
    int connections;
    int depth = 1;  ///< requests sent at once on a connection, before their replies are awaited
};

}  // namespace penstock::bench
