// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/detail/inner_path.hpp>

#include <algorithm>
#include <cstddef>

namespace penstock::stream::detail {
namespace {

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_path_char(char c) {
    return is_alphanumeric(c) || (c != 0 && std::string_view("-._~%!$&'()*+,;=:@/[]|").contains(c));
}

/// Also finds %00, which nothing may be called.
bool has_good_escapes(std::string_view path) {
    for (auto at = path.find('%'); at != path.npos; at = path.find('%', at + 1)) {
        if (path.size() - at < 3) return false;
        const int high = hex_value(path[at + 1]), low = hex_value(path[at + 2]);
        if (high < 0 || low < 0 || (high | low) == 0) return false;
    }
    return true;
}

/// Whether a segment with good escapes means `name`.
bool means(std::string_view segment, std::string_view name) {
    std::size_t at = 0;
    for (const char c : name) {
        if (at >= segment.size()) return false;
        int byte = static_cast<unsigned char>(segment[at]);
        if (byte == '%') {
            byte = hex_value(segment[at + 1]) << 4 | hex_value(segment[at + 2]);
            at += 2;
        }
        if (byte != static_cast<unsigned char>(c)) return false;
        ++at;
    }
    return at == segment.size();
}

}  // namespace

bool is_token_char(char c) {
    return is_alphanumeric(c) || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").contains(c));
}

bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_char); }

bool is_inner_path(std::string_view path) {
    if (!path.starts_with('/') || !std::ranges::all_of(path, is_path_char) || !has_good_escapes(path))
        return false;
    std::string_view first;  // segment, once "." and ".." are resolved
    std::size_t depth = 0;
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (means(segment, ".")) continue;
        if (means(segment, "..")) {
            if (depth-- == 0) return false;
            continue;
        }
        if (depth++ == 0) first = segment;
    }
    if (depth > 0 && means(first, "stream")) return false;
    return depth != 1 || !(means(first, "enc") || means(first, "enc_init"));
}

bool is_inner_query(std::string_view query) {
    return std::ranges::all_of(
        query, [](char c) { return c > 0x20 && c < 0x7F && !std::string_view("\"#<>").contains(c); });
}

}  // namespace penstock::stream::detail
