// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/response_head.hpp>

#include <algorithm>
#include <array>

namespace penstock::http {
namespace {

constexpr std::array<std::string_view, 7> framing{"connection", "content-length",    "date",   "keep-alive",
                                                  "trailer",    "transfer-encoding", "upgrade"};

bool frames(std::string_view name) {
    return std::ranges::any_of(framing,
                               [&](auto reserved) { return detail::equal_ignoring_case(reserved, name); });
}

}  // namespace

std::size_t ResponseHead::find(std::string_view name) const {
    for (std::size_t at = 0; at < fields_.size(); at = fields_.find('\n', at) + 1)
        if (fields_.size() > at + name.size() && fields_[at + name.size()] == ':' &&
            detail::equal_ignoring_case(std::string_view(fields_).substr(at, name.size()), name))
            return at;
    return std::string::npos;
}

bool ResponseHead::has(std::string_view name) const { return find(name) != std::string::npos; }

void ResponseHead::set(std::string_view name, std::string_view value) {
    for (auto at = find(name); at != std::string::npos; at = find(name))
        fields_.erase(at, fields_.find('\n', at) + 1 - at);
    add(name, value);
}

void ResponseHead::add(std::string_view name, std::string_view value) {
    if (name.empty() || !detail::all(name, detail::token_char) || frames(name)) return;
    fields_.append(name).append(": ");
    const auto at = fields_.size();
    fields_.append(value);
    for (auto i = at; i < fields_.size(); ++i)
        if (static_cast<unsigned char>(fields_[i]) < 0x20 || fields_[i] == 0x7F) fields_[i] = ' ';
    fields_.append("\r\n");
}

}  // namespace penstock::http
