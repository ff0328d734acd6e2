// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>

#include <sys/socket.h>

namespace penstock::events::detail {

/// An address as the system's calls want it, and as they give it.
struct NativeAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;

    NativeAddress() = default;
    explicit NativeAddress(const Address& address);
    sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
    /// Empty for anything but IPv4 and IPv6.
    Address parsed() const;
};

inline int family(const Address& address) { return address.is_v4() ? AF_INET : AF_INET6; }

}  // namespace penstock::events::detail
