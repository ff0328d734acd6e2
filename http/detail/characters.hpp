// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/detail/text_scan.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace penstock::http::detail {

// What each byte may be, as one table of bits.

enum Class : std::uint8_t {
    token_char = 1,  ///< tchar: method, field name (RFC 9110, 5.6.2)
    path_char = 2,   ///< in a request target before '?'
    query_char = 4,  ///< in a request target behind '?'
    host_char = 8,   ///< in a registered name
    digit_char = 16,
};

/// Targets: RFC 3986, and what browsers send as it is: [ ] | in paths, all visible but " < > in queries. A
/// fragment (#) is never sent, and a backslash before '?' is a slash to some.
constexpr std::uint8_t class_of(unsigned char c) {
    const auto in = [c](std::string_view set) { return set.find(static_cast<char>(c)) != set.npos; };
    const bool digit = c >= '0' && c <= '9';
    const bool word = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    unsigned out = 0;
    if (word || (c != 0 && in("!#$%&'*+-.^_`|~"))) out |= token_char;
    if (word || (c != 0 && in("-._~%!$&'()*+,;=:@/[]|"))) out |= path_char;
    if (c > 0x20 && c < 0x7F && !in("\"#<>")) out |= query_char;
    if (word || (c != 0 && in("-._~"))) out |= host_char;
    if (digit) out |= digit_char;
    return static_cast<std::uint8_t>(out);
}

inline constexpr auto classes = [] {
    std::array<std::uint8_t, 256> out{};
    for (unsigned c = 0; c < 256; ++c) out[c] = class_of(static_cast<unsigned char>(c));
    return out;
}();

inline bool is(char c, Class which) { return (classes[static_cast<unsigned char>(c)] & which) != 0; }

inline bool all(std::string_view text, Class which) {
    return std::all_of(text.begin(), text.end(), [which](char c) { return is(c, which); });
}

/// The first byte in [at, end) that is not in the class, else end.
inline const char* skip(const char* at, const char* end, Class which) {
    for (; end - at >= 4; at += 4) {
        if (!is(at[0], which)) return at;
        if (!is(at[1], which)) return at + 1;
        if (!is(at[2], which)) return at + 2;
        if (!is(at[3], which)) return at + 3;
    }
    while (at != end && is(*at, which)) ++at;
    return at;
}

/// Likewise, with a fast start over what most names and targets are of.
inline const char* skip_name(const char* at, const char* end) {
    return skip(skip_run<'-', '-'>(at, end), end, token_char);
}
inline const char* skip_path(const char* at, const char* end) {
    return skip(skip_run<'-', '9'>(at, end), end, path_char);
}
inline const char* skip_query(const char* at, const char* end) {
    return skip(skip_run<'-', '9'>(at, end), end, query_char);
}

constexpr char lower(char c) {
    const bool capital = static_cast<unsigned char>(c - 'A') < 26;
    return static_cast<char>(c | capital << 5);
}

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t at = 0; at < a.size(); ++at)
        if (lower(a[at]) != lower(b[at])) return false;
    return true;
}

constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

/// Without optional white space around it (OWS: SP and HTAB).
constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

/// Cuts the first element off a comma-separated list: trimmed, maybe empty.
constexpr std::string_view cut_element(std::string_view& list) {
    const auto comma = list.find(',');
    const auto out = trim(list.substr(0, comma));
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
    return out;
}

/// The value of a hexadecimal digit, else -1.
constexpr int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace penstock::http::detail
