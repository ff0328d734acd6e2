// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/path.hpp>

#include <algorithm>

namespace penstock::http {
namespace {

constexpr Error refused(const char* text) { return {core::Domain::http, 400, text}; }

/// The byte that the escape at `at` stands for; -1 if it is none.
int escaped_byte(std::string_view text, std::size_t at) {
    if (text.size() - at < 3) return -1;
    const int high = detail::hex_value(text[at + 1]), low = detail::hex_value(text[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool is_normal(std::string_view path) {
    char before = 0;
    for (const char c : path) {
        if (c == '%' || c == 0 || (c == '.' && before == '/')) return false;
        before = c;
    }
    return true;
}

/// Appends the segment that begins at `at`, decoded; `at` becomes the offset behind it.
Error append_segment(std::string_view path, std::size_t& at, std::string& out) {
    for (; at < path.size() && path[at] != '/'; ++at) {
        if (path[at] == 0) return refused("NUL in a path");
        if (path[at] != '%') {
            out += path[at];
            continue;
        }
        const int byte = escaped_byte(path, at);
        if (byte < 0) return refused("malformed escape in a path");
        if (byte == 0) return refused("NUL in a path");
        at += 2;
        if (byte == '/')
            out += "%2F";
        else if (byte == '%')
            out += "%25";
        else
            out += static_cast<char>(byte);
    }
    return {};
}

bool equal_decoded(std::string_view sent, std::string_view name) {
    std::size_t at = 0;
    for (const char c : name) {
        if (at == sent.size()) return false;
        int byte = static_cast<unsigned char>(sent[at] == '+' ? ' ' : sent[at]);
        if (byte == '%') {
            byte = escaped_byte(sent, at);
            at += 2;
        }
        if (byte != static_cast<unsigned char>(c)) return false;
        ++at;
    }
    return at == sent.size();
}

}  // namespace

Result<std::string_view> percent_decode(std::string_view text, std::string& room, Plus plus) {
    const bool spaces = plus == Plus::space;
    if (std::none_of(text.begin(), text.end(),
                     [spaces](char c) { return c == '%' || c == 0 || (spaces && c == '+'); }))
        return text;
    room.clear();
    for (std::size_t at = 0; at < text.size(); ++at) {
        int byte = static_cast<unsigned char>(text[at]);
        if (byte == '%') {
            byte = escaped_byte(text, at);
            if (byte < 0) return fail(refused("malformed escape"));
            at += 2;
        } else if (spaces && byte == '+') {
            byte = ' ';
        }
        if (byte == 0) return fail(refused("NUL in a name or value"));
        room += static_cast<char>(byte);
    }
    return std::string_view(room);
}

Result<std::string_view> normalize_path(std::string_view path, std::string& room) {
    if (!path.starts_with('/')) return fail(refused("path does not begin with a slash"));
    if (is_normal(path)) return path;
    room.clear();
    for (std::size_t at = 0; at < path.size();) {
        const auto before = room.size();
        room += path[at++];  // the slash
        if (const auto error = append_segment(path, at, room)) return fail(error);
        const auto segment = std::string_view(room).substr(before + 1);
        const bool up = segment == "..";
        if (!up && segment != ".") continue;
        if (up && before == 0) return fail(refused("path leads above the root"));
        room.resize(up ? room.rfind('/', before - 1) : before);
        if (at == path.size()) room += '/';
    }
    return std::string_view(room);
}

std::optional<QueryParameter> Query::next() {
    while (!rest_.empty()) {
        const auto end = rest_.find('&');
        const auto piece = rest_.substr(0, end);
        rest_ = end == rest_.npos ? std::string_view() : rest_.substr(end + 1);
        if (piece.empty()) continue;
        const auto equals = piece.find('=');
        if (equals == piece.npos) return QueryParameter{piece, {}};
        return QueryParameter{piece.substr(0, equals), piece.substr(equals + 1)};
    }
    return {};
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view name) {
    Query parameters(query);
    while (const auto one = parameters.next())
        if (equal_decoded(one->name, name)) return one->value;
    return {};
}

}  // namespace penstock::http
