// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <strings.h>

// The least that a server can parse of HTTP/1.1 and still answer honestly: request line, header lines,
// Content-Length, Connection. What libraries without a parser of their own are measured with. Not strict, not
// for use outside: it takes what RFC 9112 refuses.

namespace penstock::bench {

struct Head {
    std::string_view method, target;
    std::size_t head_bytes = 0;
    std::size_t body_bytes = 0;
    bool keep_alive = true;
};

enum class Parsed : std::uint8_t { whole, partial, bad };

inline constexpr std::size_t request_head_bytes_max = 8 * 1024;
inline constexpr std::size_t request_body_bytes_max = 1024 * 1024;

namespace detail {

inline bool same(std::string_view name, std::string_view lower) {
    return name.size() == lower.size() && ::strncasecmp(name.data(), lower.data(), lower.size()) == 0;
}

/// Cuts the next line off `in`, without its CRLF. False: there is none yet, or it ends in a bare LF (`bad`).
inline bool cut_line(std::string_view& in, std::string_view& line, bool& bad) {
    const auto* end = static_cast<const char*>(std::memchr(in.data(), '\n', in.size()));
    if (end == nullptr) return false;
    const auto length = static_cast<std::size_t>(end - in.data());
    bad = length == 0 || in[length - 1] != '\r';
    if (bad) return false;
    line = in.substr(0, length - 1);
    in.remove_prefix(length + 1);
    return true;
}

inline bool parse_request_line(std::string_view line, Head& out) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0) return false;
    out.method = line.substr(0, space);
    line.remove_prefix(space + 1);
    const auto second = line.find(' ');
    if (second == std::string_view::npos || second == 0) return false;
    out.target = line.substr(0, second);
    return line.substr(second + 1) == "HTTP/1.1";
}

inline bool parse_field(std::string_view line, Head& out) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const auto name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (same(name, "content-length")) {
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.body_bytes);
        return error == std::errc() && end == value.data() + value.size() &&
               out.body_bytes <= request_body_bytes_max;
    }
    if (same(name, "transfer-encoding")) return false;
    if (same(name, "connection") && same(value, "close")) out.keep_alive = false;
    return true;
}

}  // namespace detail

/// The first head in `in`; `out` is whole, its views into `in`, only for Parsed::whole.
inline Parsed parse_head(std::string_view in, Head& out) {
    const auto all = in.size();
    std::string_view line;
    bool bad = false;
    const auto unfinished = [&] {
        return bad || all > request_head_bytes_max ? Parsed::bad : Parsed::partial;
    };
    out = Head{};
    if (!detail::cut_line(in, line, bad)) return unfinished();
    if (!detail::parse_request_line(line, out)) return Parsed::bad;
    for (;;) {
        if (!detail::cut_line(in, line, bad)) return unfinished();
        if (line.empty()) break;
        if (!detail::parse_field(line, out)) return Parsed::bad;
    }
    out.head_bytes = all - in.size();
    return out.head_bytes > request_head_bytes_max ? Parsed::bad : Parsed::whole;
}

}  // namespace penstock::bench
