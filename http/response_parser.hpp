// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/http/field_scanner.hpp>
#include <penstock/http/limits.hpp>
#include <penstock/http/reply_head.hpp>

namespace penstock::http {

/// Reads response heads for a client, as strictly and in the same manner as RequestParser. Interim responses
/// (1xx) are heads like others: the caller goes on to the next.
///
/// Errors are of Domain::http, with the code that the same fault has in a request (400, 431, 501, 505): a
/// gateway answers 502 to each. Stricter than the RFC: no lengths or codings that contradict a status without
/// body (a Content-Length of 0 beside 204 passes), no coding but chunked. Laxer: the space before an empty
/// reason may be missing.
class ResponseParser {
public:
    /// The limits outlive the parser.
    explicit ResponseParser(const Limits& limits) : limits_(&limits) {}

    /// The offset behind the head, 0 when more is needed. `request` is the method that is answered: it
    /// decides about the body. Otherwise as RequestParser::parse.
    Result<std::size_t> parse(std::string_view seen, Method request, ReplyHead& head);

    /// Whether a part of a head was seen.
    bool is_started() const { return state_ != State::start; }

private:
    enum class State : std::uint8_t { start, version, reason, fields };

    Result<std::size_t> status_line(std::string_view seen, ReplyHead& head);
    static Error read_fields(Method request, ReplyHead& head);

    const Limits* limits_;
    FieldScanner fields_;
    std::uint32_t scanned_ = 0;
    State state_ = State::start;
};

}  // namespace penstock::http
