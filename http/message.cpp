// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/json.hpp>
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/message.hpp>
#include <penstock/http/path.hpp>
#include <penstock/http/status.hpp>

#include <algorithm>

namespace penstock::http {

void FieldList::set(std::string_view name, std::string_view value) {
    std::erase_if(fields_, [&](const auto& field) { return detail::equal_ignoring_case(field.first, name); });
    add(name, value);
}

void FieldList::add(std::string_view name, std::string_view value) {
    if (name.empty() || !detail::all(name, detail::token_char)) return;
    fields_.emplace_back(name, value);
    for (char& c : fields_.back().second)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
}

std::string_view FieldList::value(std::string_view name) const {
    const auto found = std::ranges::find_if(
        fields_, [&](const auto& field) { return detail::equal_ignoring_case(field.first, name); });
    return found == fields_.end() ? std::string_view() : std::string_view(found->second);
}

Request::Request(Method method, std::string_view target) : method_(method), target_(target) {}

Request Request::post(std::string_view target, Bytes body, std::string_view type) {
    Request out(Method::post, target);
    out.header("content-type", type);
    out.body(Buffer::copy(body));
    return out;
}

std::string_view Request::path() const { return std::string_view(target_).substr(0, target_.find('?')); }

std::string_view Request::query_text() const {
    const auto at = target_.find('?');
    return at == std::string::npos ? std::string_view() : std::string_view(target_).substr(at + 1);
}

std::string Request::query(std::string_view name) const {
    const auto raw = query_value(query_text(), name);
    if (!raw) return {};
    std::string room;
    const auto decoded = percent_decode(*raw, room, Plus::space);
    return decoded ? std::string(*decoded) : std::string();
}

std::string_view Request::param(std::string_view name) const {
    for (const auto& [key, value] : params_)
        if (key == name) return value;
    return {};
}

Response Response::text(int status, Bytes body) {
    Response out(status);
    out.header("content-type", "text/plain; charset=utf-8");
    out.header("x-content-type-options", "nosniff");
    out.body(Buffer::copy(body));
    return out;
}

Response Response::json(int status, std::initializer_list<Field> fields) {
    Response out(status);
    out.header("content-type", "application/json");
    out.body(Buffer::copy(core::json_object(fields)));
    return out;
}

Response Response::problem(int status, Error error) {
    auto out = text(status, std::to_string(status) + " " + std::string(reason(status)) + "\n");
    out.error_ = error;
    return out;
}

}  // namespace penstock::http
