// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/exchange.hpp>
#include <penstock/stream/message_records.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace penstock::stream {

/// The body of a streamed exchange, taken record by record. At most one record and what came with it is held.
class IncomingMessage {
public:
    explicit IncomingMessage(http::Exchange& exchange)
        : exchange_(exchange), left_(exchange.head().content_length()) {}

    /// Prefix and record 0 as one. Errors: protocol, also for a body that ends too early.
    struct First {
        Buffer message;
        Behind behind;
    };
    Task<Result<First>> first();
    /// The next record.
    Task<Result<First>> next();
    /// Whether anything may follow.
    Task<bool> is_at_end();

private:
    Task<bool> fill(std::size_t bytes);
    Task<Result<First>> take(std::size_t prefix_bytes);
    Behind behind(std::size_t bytes) const;

    http::Exchange& exchange_;
    std::optional<std::uint64_t> left_;  // of the outer body, not read yet; none: chunked
    std::string held_;
    bool has_ended_ = false;
};

}  // namespace penstock::stream
