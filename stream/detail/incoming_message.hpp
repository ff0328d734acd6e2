// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/code.hpp>
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
    /// Whether the body ends behind the record that was taken last, whose `behind` this is: what comes behind
    /// the final one is an error.
    Task<bool> ends(Behind behind);
    static constexpr Error goes_on = crypto::error(crypto::Code::protocol, "bytes behind the final record");

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
