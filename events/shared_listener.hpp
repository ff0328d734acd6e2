// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace penstock::events {

/// One listening socket from which several workers accept, each by a Listener on a duplicate of it: for unix
/// paths, which can't be shared like a port, and for sockets that a service manager passed in. Each new
/// connection wakes all of these workers, and one gets it.
///
/// Immutable: each worker's set-up gets the same shared_ptr. Thread: any.
class SharedListener {
public:
    /// Binds the path, and removes it when this dies (unless it is another's by then). A socket's file that
    /// is left of a process that is gone is replaced; EADDRINUSE: somebody listens there, or it is another
    /// file.
    static Result<std::shared_ptr<const SharedListener>> at_path(std::string path,
                                                                 ListenOptions options = {});
    /// `listening` was passed in, and listens already: systemd(1) passes 3 and up (sd_listen_fds(3)). It is
    /// made non-blocking, and closed when this dies.
    static Result<std::shared_ptr<const SharedListener>> of(Descriptor listening);

    /// The file of a path, by which it is known again; of none without one.
    struct File {
        std::uint64_t device = 0, inode = 0;
        friend bool operator==(const File&, const File&) = default;
    };
    SharedListener(Descriptor listening, std::string path, File file)
        : listening_(std::move(listening)), path_(std::move(path)), file_(file) {}
    ~SharedListener();
    SharedListener(const SharedListener&) = delete;
    SharedListener& operator=(const SharedListener&) = delete;

    Result<Descriptor> duplicate() const;

private:
    const Descriptor listening_;
    const std::string path_;  // to be removed; may be empty
    const File file_;
};

}  // namespace penstock::events
