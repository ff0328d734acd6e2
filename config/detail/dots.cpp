// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/detail/dots.hpp>

#include <algorithm>

namespace penstock::config {
namespace {

/// Bytes of the string that `text` begins with, quotes included; an unclosed one goes to its line's end, or,
/// if it may have several lines, to the end.
std::size_t string_length(std::string_view text) {
    const char quote = text[0];
    const std::string_view three = quote == '"' ? "\"\"\"" : "'''";
    const bool lines = text.starts_with(three);
    for (std::size_t at = lines ? 3 : 1; at < text.size(); ++at) {
        if (text[at] == '\\' && quote == '"') {
            ++at;
        } else if (lines && text.substr(at).starts_with(three)) {
            at += 3;  // up to two more belong to the string
            for (int i = 0; i < 2 && at < text.size() && text[at] == quote; ++i) ++at;
            return at;
        } else if (!lines && (text[at] == quote || text[at] == '\n')) {
            return at + (text[at] == quote ? 1 : 0);
        }
    }
    return text.size();
}

Place place(std::string_view text, std::size_t at) {
    const auto before = text.substr(0, at);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
    const auto characters = std::count_if(
        line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    return {static_cast<std::uint32_t>(lines + 1), static_cast<std::uint32_t>(characters + 1)};
}

}  // namespace

std::optional<Place> find_long_key(std::string_view text, std::size_t parts_max) {
    std::size_t parts = 1;
    for (std::size_t at = 0; at < text.size();) {
        switch (text[at]) {
            case '"':
            case '\'': at += string_length(text.substr(at)); continue;
            case '#': at = std::min(text.find('\n', at), text.size()); continue;
            case '.':
                if (++parts > parts_max) return place(text, at);
                break;
            case '=':
            case ',':
            case '[':
            case ']':
            case '{':
            case '}':
            case '\n': parts = 1; break;
            default: break;
        }
        ++at;
    }
    return {};
}

}  // namespace penstock::config
