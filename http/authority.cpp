// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/address.hpp>
#include <penstock/http/detail/authority.hpp>
#include <penstock/http/detail/characters.hpp>

#include <array>

namespace penstock::http::detail {
namespace {

constexpr std::size_t ipv6_bytes_max = 45;  // without brackets, the dotted form too

bool is_ipv6_literal(std::string_view text) {  // with its brackets
    if (text.size() > ipv6_bytes_max + 2 || text.find('%') != text.npos) return false;
    std::array<char, ipv6_bytes_max + 4> room{};
    auto end = std::copy(text.begin(), text.end(), room.begin());
    *end++ = ':';
    *end++ = '1';
    return Address::parse({room.data(), static_cast<std::size_t>(end - room.begin())}).has_value();
}

bool is_port(std::string_view digits, Port port) {
    if (digits.empty()) return port == Port::optional;  // "host:" is one port less, by the grammar
    std::uint32_t number = 0;
    for (const char c : digits) {
        if (!is(c, digit_char)) return false;
        number = number * 10 + static_cast<std::uint32_t>(c - '0');
        if (number > 65'535) return false;
    }
    return number != 0 || port == Port::optional;
}

}  // namespace

bool is_authority(std::string_view text, Port port) {
    std::size_t host_bytes;
    if (text.starts_with('[')) {
        host_bytes = text.find(']') + 1;  // npos + 1 is 0
        if (host_bytes == 0 || !is_ipv6_literal(text.substr(0, host_bytes))) return false;
    } else {
        host_bytes =
            static_cast<std::size_t>(skip(text.data(), text.data() + text.size(), host_char) - text.data());
        if (host_bytes == 0) return false;
    }
    if (host_bytes == text.size()) return port == Port::optional;
    return text[host_bytes] == ':' && is_port(text.substr(host_bytes + 1), port);
}

}  // namespace penstock::http::detail
