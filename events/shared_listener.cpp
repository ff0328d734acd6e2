// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/os_socket.hpp>
#include <penstock/events/shared_listener.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::events {

Result<std::shared_ptr<const SharedListener>> SharedListener::at_path(std::string path,
                                                                      ListenOptions options) {
    auto descriptor = detail::open_unix_listening(path, options);
    if (!descriptor) return fail(descriptor);
    if (path[0] == '@') path.clear();
    return std::make_shared<const SharedListener>(std::move(*descriptor), std::move(path));
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
    return std::make_shared<const SharedListener>(std::move(listening), std::string());
}

SharedListener::~SharedListener() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

Result<Descriptor> SharedListener::duplicate() const {
    Descriptor out(::fcntl(listening_.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::listening);
    if (!out) return fail(Error::os(errno, "dup"));
    out.shared(true);
    return out;
}

}  // namespace penstock::events
