// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/chain.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/http/response_head.hpp>

#include <cstdint>
#include <optional>

namespace penstock::http {

struct ResponseFraming {
    std::optional<std::uint64_t> body_bytes;
    bool is_chunked = false;
    bool closes = false;
    bool keeps_1_0 = false;  ///< a 1.0 client must be told that the connection stays
};

/// Appends the head of a response, with Date (made once a second).
void write_head(Chain& out, Worker& worker, const ResponseHead& head, const ResponseFraming& framing);

/// Appends a whole response to what could not be read; the connection closes behind it.
void write_refusal(Chain& out, Worker& worker, int status);

}  // namespace penstock::http
