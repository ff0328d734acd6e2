// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/os_socket.hpp>

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace penstock::events::detail {
namespace {

struct Native {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;

    sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
};

Native native(const Address& address) {
    Native out;
    if (address.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(address.port());
        std::memcpy(&in.sin_addr, address.ip().data(), sizeof in.sin_addr);
        std::memcpy(&out.storage, &in, sizeof in);
        out.size = sizeof in;
    } else {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(address.port());
        in.sin6_scope_id = address.scope();
        std::memcpy(&in.sin6_addr, address.ip().data(), sizeof in.sin6_addr);
        std::memcpy(&out.storage, &in, sizeof in);
        out.size = sizeof in;
    }
    return out;
}

Address from_native(const Native& native) {
    if (native.storage.ss_family == AF_INET) {
        sockaddr_in in;
        std::memcpy(&in, &native.storage, sizeof in);
        std::array<std::uint8_t, 4> ip;
        std::memcpy(ip.data(), &in.sin_addr, sizeof ip);
        return Address::v4(ip, ntohs(in.sin_port));
    }
    if (native.storage.ss_family == AF_INET6) {
        sockaddr_in6 in;
        std::memcpy(&in, &native.storage, sizeof in);
        std::array<std::uint8_t, 16> ip;
        std::memcpy(ip.data(), &in.sin6_addr, sizeof ip);
        return Address::v6(ip, ntohs(in.sin6_port), in.sin6_scope_id);
    }
    return {};
}

int family(const Address& address) { return address.is_v4() ? AF_INET : AF_INET6; }

void option(int number, int level, int name, int value) {
    ::setsockopt(number, level, name, &value, sizeof value);
}

}  // namespace

Result<void> probe(const Address& address) {
    const Descriptor socket(::socket(family(address), SOCK_STREAM | SOCK_CLOEXEC, 0),
                            Descriptor::Kind::other);
    if (!socket) return fail(Error::os(errno, "socket"));
    option(socket.number(), SOL_SOCKET, SO_REUSEADDR, 1);  // closed connections don't count
    if (address.is_v6()) option(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    auto to = native(address);
    if (::bind(socket.number(), to.address(), to.size) != 0) return fail(Error::os(errno, "bind"));
    return {};
}

Result<Descriptor> open_listening(const Address& address, ListenOptions options) {
    Descriptor out(::socket(family(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                   Descriptor::Kind::listening);
    if (!out) return fail(Error::os(errno, "socket"));
    option(out.number(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.share_port) option(out.number(), SOL_SOCKET, SO_REUSEPORT, 1);
    if (address.is_v6()) option(out.number(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    option(out.number(), IPPROTO_TCP, TCP_NODELAY, 1);  // accepted sockets inherit it
    auto to = native(address);
    if (::bind(out.number(), to.address(), to.size) != 0) return fail(Error::os(errno, "bind"));
    if (::listen(out.number(), options.backlog) != 0) return fail(Error::os(errno, "listen"));
    return out;
}

Result<Descriptor> open_stream(const Address& peer) {
    Descriptor out(::socket(family(peer), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                   Descriptor::Kind::stream);
    if (!out) return fail(Error::os(errno, "socket"));
    option(out.number(), IPPROTO_TCP, TCP_NODELAY, 1);
    return out;
}

Result<void> connect(int number, const Address& peer) {
    auto to = native(peer);
    if (::connect(number, to.address(), to.size) == 0) return {};
    return fail(Error::os(errno == EINTR ? EINPROGRESS : errno, "connect"));
}

Result<Descriptor> accept(int number, Address& peer) {
    Native from;
    const int accepted = ::accept4(number, from.address(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) return fail(Error::os(errno, "accept"));
    peer = from_native(from);
    return Descriptor(accepted, Descriptor::Kind::stream);
}

Result<Address> local_address(int number) {
    Native local;
    if (::getsockname(number, local.address(), &local.size) != 0)
        return fail(Error::os(errno, "getsockname"));
    return from_native(local);
}

void reset_on_close(int number) {
    const linger now{1, 0};
    ::setsockopt(number, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace penstock::events::detail
