// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/os_socket.hpp>
#include <penstock/events/shared_listener.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::events {
namespace {

SharedListener::File file_of(const std::string& path) {
    struct stat found{};
    if (path.empty() || ::lstat(path.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino};
}

}  // namespace

Result<std::shared_ptr<const SharedListener>> SharedListener::at_path(std::string path,
                                                                      ListenOptions options) {
    auto descriptor = detail::open_unix_listening(path, options);
    if (!descriptor) return fail(descriptor);
    if (path[0] == '@') path.clear();
    const auto file = file_of(path);
    return std::make_shared<const SharedListener>(std::move(*descriptor), std::move(path), file);
}

Result<std::shared_ptr<const SharedListener>> SharedListener::of(Descriptor listening) {
    int listens = 0;
    socklen_t size = sizeof listens;
    const int number = listening.number();
    if (::getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
        return fail(Error::os(errno, "a listening socket"));
    if (listens == 0) return fail(Error::os(EINVAL, "the socket does not listen"));
    const int flags = ::fcntl(number, F_GETFL);
    if (flags < 0 || ::fcntl(number, F_SETFL, flags | O_NONBLOCK) != 0)
        return fail(Error::os(errno, "fcntl"));
    const int is_on = 1;  // what is accepted inherits it; a unix socket has no such thing
    ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &is_on, sizeof is_on);
    return std::make_shared<const SharedListener>(std::move(listening), std::string(), File());
}

SharedListener::~SharedListener() {
    if (!path_.empty() && file_of(path_) == file_) ::unlink(path_.c_str());
}

Result<Descriptor> SharedListener::duplicate() const {
    Descriptor out(::fcntl(listening_.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::listening);
    if (!out) return fail(Error::os(errno, "dup"));
    out.shared(true);
    return out;
}

}  // namespace penstock::events
