// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/method.hpp>

#include <array>

namespace penstock::http {
namespace {

constexpr std::array<std::string_view, method_count> names{"GET",   "POST",    "PUT",     "DELETE", "HEAD",
                                                           "PATCH", "OPTIONS", "CONNECT", "TRACE",  ""};

}  // namespace

std::string_view name(Method method) { return names[static_cast<std::size_t>(method)]; }

Method method_from(std::string_view text) {
    for (std::size_t at = 0; at + 1 < names.size(); ++at)
        if (names[at] == text) return static_cast<Method>(at);
    return Method::other;
}

void append_methods(std::string& out, MethodSet methods) {
    bool first = true;
    for (std::size_t at = 0; at + 1 < names.size(); ++at) {
        if (!methods.has(static_cast<Method>(at))) continue;
        if (!first) out += ", ";
        out += names[at];
        first = false;
    }
}

}  // namespace penstock::http
