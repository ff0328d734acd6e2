// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/descriptor.hpp>
#include <penstock/node/detail/site.hpp>

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace penstock::node {

std::string listen_problem(const Address& address, const Error& error, const char* where) {
    auto out = "cannot listen on " + address.text() + ": " + error.message();
    const auto is = [&](int number) { return error == Error::os(number); };
    if (is(EADDRINUSE))
        out += std::string("; is it running already? Choose another port by ") + where;
    else if (is(EACCES))
        out += std::string("; ports below 1024 are root's: choose another by ") + where;
    else if (is(EADDRNOTAVAIL))
        out += std::string("; this machine has no such address: choose another by ") + where;
    return out;
}

Result<void> probe(const Address& address) {
    if (address.port() == 0) return {};
    const events::Descriptor socket(
        ::socket(address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        events::Descriptor::Kind::other);
    if (!socket) return fail(Error::os(errno, "socket"));
    const int on = 1;
    ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on,
                 sizeof on);  // closed connections don't count
    int bound = 0;
    if (address.is_v6()) {
        ::setsockopt(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        to.sin6_port = htons(address.port());
        to.sin6_scope_id = address.scope();
        std::memcpy(&to.sin6_addr, address.ip().data(), sizeof to.sin6_addr);
        bound = ::bind(socket.number(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    } else {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(address.port());
        std::memcpy(&to.sin_addr, address.ip().data(), sizeof to.sin_addr);
        bound = ::bind(socket.number(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    if (bound != 0) return fail(Error::os(errno, "bind"));
    return {};
}

}  // namespace penstock::node
