// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/fields.hpp>

namespace penstock::http {

std::size_t Fields::find(std::string_view name) const {
    std::size_t at = 0;
    for (; at < entries_.size(); ++at)
        if (entries_[at].name_bytes == name.size() && detail::equal_ignoring_case((*this)[at].name, name))
            break;
    return at;
}

std::string_view Fields::value(std::string_view name) const {
    const auto at = find(name);
    return at == size() ? std::string_view() : (*this)[at].value;
}

bool Fields::has(std::string_view name) const { return find(name) != size(); }

}  // namespace penstock::http
