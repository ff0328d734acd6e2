// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/os_address.hpp>
#include <penstock/events/detail/os_socket.hpp>

#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace penstock::events::detail {
namespace {

void option(int number, int level, int name, int value) {
    ::setsockopt(number, level, name, &value, sizeof value);
}

struct UnixAddress {
    sockaddr_un un{};
    socklen_t size = 0;

    sockaddr* address() { return reinterpret_cast<sockaddr*>(&un); }
};

/// A name without a file starts with a zero byte and is as long as it says; a path ends with one.
Result<UnixAddress> unix_address(const std::string& path) {
    UnixAddress out;
    if (path.empty() || path.find('\0') != std::string::npos)
        return fail(Error::os(EINVAL, "the path of a unix socket"));
    if (path.size() >= sizeof out.un.sun_path)
        return fail(Error::os(ENAMETOOLONG, "the path of a unix socket (107 bytes at most)"));
    out.un.sun_family = AF_UNIX;
    std::memcpy(out.un.sun_path, path.data(), path.size());
    const bool is_file = path[0] != '@';
    if (!is_file) out.un.sun_path[0] = 0;
    out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_file ? 1 : 0));
    return out;
}

Descriptor unix_socket(Descriptor::Kind kind) {
    return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), kind);
}

/// A file that is left of a process that is gone. One that is no socket refuses connections too.
bool is_deserted(UnixAddress& address) {
    struct stat file;
    if (::lstat(address.un.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
    const auto visitor = unix_socket(Descriptor::Kind::other);
    return visitor && ::connect(visitor.number(), address.address(), address.size) != 0 &&
           errno == ECONNREFUSED;
}

}  // namespace

Result<void> probe(const Address& address) {
    const Descriptor socket(::socket(family(address), SOCK_STREAM | SOCK_CLOEXEC, 0),
                            Descriptor::Kind::other);
    if (!socket) return fail(Error::os(errno, "socket"));
    option(socket.number(), SOL_SOCKET, SO_REUSEADDR, 1);  // closed connections don't count
    if (address.is_v6()) option(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    NativeAddress to(address);
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
    NativeAddress to(address);
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

Result<Descriptor> open_unix_listening(const std::string& path, ListenOptions options) {
    auto address = unix_address(path);
    if (!address) return fail(address);
    auto out = unix_socket(Descriptor::Kind::listening);
    if (!out) return fail(Error::os(errno, "socket"));
    int bound = ::bind(out.number(), address->address(), address->size);
    if (bound != 0 && errno == EADDRINUSE && path[0] != '@') {
        if (!is_deserted(*address) || ::unlink(path.c_str()) != 0) return fail(Error::os(EADDRINUSE, "bind"));
        bound = ::bind(out.number(), address->address(), address->size);
    }
    if (bound != 0) return fail(Error::os(errno, "bind"));
    if (::listen(out.number(), options.backlog) != 0) return fail(Error::os(errno, "listen"));
    return out;
}

Result<Descriptor> open_unix_stream(const std::string& path) {
    auto address = unix_address(path);
    if (!address) return fail(address);
    auto out = unix_socket(Descriptor::Kind::stream);
    if (!out) return fail(Error::os(errno, "socket"));
    if (::connect(out.number(), address->address(), address->size) != 0)
        return fail(Error::os(errno, "connect"));  // EAGAIN: its queue is full
    return out;
}

Result<void> connect(int number, const Address& peer) {
    NativeAddress to(peer);
    if (::connect(number, to.address(), to.size) == 0) return {};
    return fail(Error::os(errno == EINTR ? EINPROGRESS : errno, "connect"));
}

Error connect_error(int number) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    return error != 0 ? Error::os(error, "connect") : Error();
}

Result<Descriptor> accept(int number, Address& peer) {
    NativeAddress from;
    const int accepted = ::accept4(number, from.address(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) return fail(Error::os(errno, "accept"));
    peer = from.parsed();
    return Descriptor(accepted, Descriptor::Kind::stream);
}

Result<Address> local_address(int number) {
    NativeAddress local;
    if (::getsockname(number, local.address(), &local.size) != 0)
        return fail(Error::os(errno, "getsockname"));
    return local.parsed();
}

Address peer_address(int number) {
    NativeAddress peer;
    if (::getpeername(number, peer.address(), &peer.size) != 0) return {};
    return peer.parsed();
}

namespace {

ssize_t send_gathered(int number, const Chain& data, bool is_socket) {
    std::array<Bytes, gather_max> views;
    std::array<iovec, gather_max> pieces;
    const auto count = data.views(views);
    for (std::size_t i = 0; i < count; ++i)
        pieces[i] = {const_cast<std::byte*>(views[i].data()), views[i].size()};
    if (!is_socket) return ::writev(number, pieces.data(), static_cast<int>(count));
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    return ::sendmsg(number, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

bool send_stream(int number, Descriptor::Kind kind, Operation& operation) {
    const bool is_socket = kind == Descriptor::Kind::stream;
    while (!operation.data.empty()) {
        const auto& first = operation.data.front();
        const auto sent = is_socket && first.size() == operation.data.size()
                              ? ::send(number, first.data(), first.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
                              : send_gathered(number, operation.data, is_socket);
        if (sent >= 0) {
            operation.data.drop(static_cast<std::size_t>(sent));
            operation.done.bytes += static_cast<std::size_t>(sent);
        } else if (errno == EAGAIN) {
            return false;
        } else if (errno != EINTR) {
            operation.done.error = Error::os(errno, "send");
            return true;
        }
    }
    return true;
}

void disconnect(int number) {
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    if (::connect(number, &nobody, sizeof nobody) != 0)
        ::shutdown(number, SHUT_RDWR);  // unix(7) has no reset
}

void reset_on_close(int number) {
    const linger now{1, 0};
    ::setsockopt(number, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace penstock::events::detail
