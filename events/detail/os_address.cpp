// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/os_address.hpp>

#include <array>
#include <cstring>

#include <netinet/in.h>

namespace penstock::events::detail {

NativeAddress::NativeAddress(const Address& address) {
    if (address.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(address.port());
        std::memcpy(&in.sin_addr, address.ip().data(), sizeof in.sin_addr);
        std::memcpy(&storage, &in, sizeof in);
        size = sizeof in;
    } else {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(address.port());
        in.sin6_scope_id = address.scope();
        std::memcpy(&in.sin6_addr, address.ip().data(), sizeof in.sin6_addr);
        std::memcpy(&storage, &in, sizeof in);
        size = sizeof in;
    }
}

Address NativeAddress::parsed() const {
    if (storage.ss_family == AF_INET) {
        sockaddr_in in;
        std::memcpy(&in, &storage, sizeof in);
        std::array<std::uint8_t, 4> ip;
        std::memcpy(ip.data(), &in.sin_addr, sizeof ip);
        return Address::v4(ip, ntohs(in.sin_port));
    }
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in;
        std::memcpy(&in, &storage, sizeof in);
        std::array<std::uint8_t, 16> ip;
        std::memcpy(ip.data(), &in.sin6_addr, sizeof ip);
        return Address::v6(ip, ntohs(in.sin6_port), in.sin6_scope_id);
    }
    return {};
}

}  // namespace penstock::events::detail
