// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/http/field_scanner.hpp>
#include <penstock/http/head.hpp>
#include <penstock/http/limits.hpp>

namespace penstock::http {

/// Reads request heads of HTTP/1.1 and 1.0 (RFC 9112, 2 to 7), strictly: what two servers could read
/// differently is refused. It is incremental and passes each byte once, however the bytes arrive; the answer
/// depends on the bytes alone, not on how they were cut.
///
///     Result<std::size_t> end = parser.parse(seen, head);
///     if (!end) answer(end.error().code()), then close;     // 400, 414, 417, 431, 501, 505
///     else if (*end == 0) keep the bytes and come back with more;
///     else the head is complete, and what comes behind it begins at *end.
///
/// Stricter than the RFC: one leading empty line, not several; Host is never empty and of plain characters;
/// in absolute form the target and Host agree; CONNECT has no body. Leading zeros of a length are allowed.
///
/// Thread: any. Memory: 40 bytes, no allocation (the head's fields are the caller's, reused).
class RequestParser {
public:
    /// The limits outlive the parser.
    explicit RequestParser(const Limits& limits) : limits_(&limits) {}

    /// `seen` is all that has arrived of this head, contiguous; between calls it may grow and move. After a
    /// complete head the parser is ready for the next. Requires: the same head in all calls for one request,
    /// no call after an error.
    Result<std::size_t> parse(std::string_view seen, RequestHead& head);

    /// Whether a part of a head was seen (a leading empty line is none): then its deadline runs, and a
    /// connection that ends here was cut.
    bool is_started() const { return state_ > State::empty_line; }

private:
    enum class State : std::uint8_t { start, empty_line, method, path, query, version, fields };
    struct Window;

    Result<std::size_t> request_line(std::string_view seen, RequestHead& head);
    Error read_start(Window& window);
    Error read_method(Window& window, RequestHead& head);
    Error read_target(Window& window, RequestHead& head);
    Error read_version(Window& window, RequestHead& head);
    static Error read_form(RequestHead& head);
    static Error read_fields(RequestHead& head);

    const Limits* limits_;
    FieldScanner fields_;
    std::uint32_t line_ = 0;     // where the request line begins: 0, or 2 after an empty line
    std::uint32_t scanned_ = 0;  // what is before is known to be right
    State state_ = State::start;
};

}  // namespace penstock::http
