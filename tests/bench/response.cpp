// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include <bench/response.hpp>
#include <strings.h>

namespace penstock::bench {
namespace {

constexpr auto bad(const char* text) { return fail(Error::user(1, text)); }

bool is_content_length(std::string_view name) {
    constexpr std::string_view wanted = "content-length";
    return name.size() == wanted.size() && ::strncasecmp(name.data(), wanted.data(), wanted.size()) == 0;
}

Result<std::size_t> number(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    std::size_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return bad("the reply's Content-Length is no number");
    return out;
}

/// `lines` are the header lines, each with its CRLF.
Result<std::size_t> content_length(std::string_view lines) {
    bool found = false;
    std::size_t length = 0;
    while (!lines.empty()) {
        const auto line = lines.substr(0, lines.find("\r\n"));
        lines.remove_prefix(line.size() + 2);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) return bad("a header line of the reply has no colon");
        if (!is_content_length(line.substr(0, colon))) continue;
        if (found) return bad("the reply has two Content-Lengths");
        const auto value = number(line.substr(colon + 1));
        if (!value) return fail(value);
        length = *value;
        found = true;
    }
    if (!found) return bad("the reply has no Content-Length");
    return length;
}

}  // namespace

Result<std::size_t> response_bytes(std::string_view received, std::string_view body) {
    constexpr std::string_view status = "HTTP/1.1 200 ";
    const auto seen = received.substr(0, status.size());
    if (seen != status.substr(0, seen.size())) return bad("the reply is no HTTP/1.1 200");
    const auto head_end = received.find("\r\n\r\n");
    if (head_end == std::string_view::npos) {
        if (received.size() > response_head_bytes_max) return bad("the reply's head is too long");
        return 0;
    }
    if (head_end + 4 > response_head_bytes_max) return bad("the reply's head is too long");
    const auto status_end = received.find("\r\n");
    const auto lines = received.substr(status_end + 2, head_end - status_end);
    const auto length = content_length(lines);
    if (!length) return fail(length);
    if (*length != body.size()) return bad("the reply has another length than the case wants");
    const auto got = received.substr(head_end + 4);
    if (got.size() > body.size()) return bad("bytes follow the reply");
    if (got != body.substr(0, got.size())) return bad("the reply has another body than the case wants");
    return got.size() == body.size() ? received.size() : 0;
}

}  // namespace penstock::bench
