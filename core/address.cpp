// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/address.hpp>

#include <algorithm>

#include <arpa/inet.h>

namespace penstock::core {

Result<Address> Address::parse(std::string_view text) {
    if (const auto parsed = parse_text(text)) return *parsed;
    return fail(Error(Domain::settings, 1, "not an address: write 127.0.0.1:80 or [::1]:80"));
}

bool Address::is_loopback() const {
    if (is_v4()) return ip_[0] == 127;
    if (!is_v6()) return false;
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (std::equal(mapped.begin(), mapped.end(), ip_.begin())) return ip_[12] == 127;
    constexpr std::array<std::uint8_t, 16> one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return ip_ == one;
}

std::string Address::ip_text() const {
    if (empty()) return "?";
    char room[INET6_ADDRSTRLEN];
    std::string out = ::inet_ntop(is_v4() ? AF_INET : AF_INET6, ip_.data(), room, sizeof room);
    if (scope_ != 0) out += "%" + std::to_string(scope_);
    return out;
}

std::string Address::text() const {
    if (is_v6()) return "[" + ip_text() + "]:" + std::to_string(port_);
    return ip_text() + ":" + std::to_string(port_);
}

}  // namespace penstock::core
