// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/events/worker.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace penstock::events {

class File;

namespace detail {
struct FileRequest;
}

/// What becomes of a File's calls. All come from a turn of its worker, never from inside a call of the File;
/// the File may die in any of them. What one throws is logged and fails the File.
class FileHandler {
public:
    /// One for each read(), in their order. Empty: the end of the file.
    virtual void on_read(File&, Slice) {}
    /// unwritten() has shrunk; one call may stand for many writes.
    virtual void on_written(File&) {}
    /// The file has its name, and bytes and name are on the disk. The last callback.
    virtual void on_committed(File&) {}
    /// Once; nothing comes after it, and every later call does nothing. What was created is gone. The error
    /// says what was tried: "open", "create", "read", "write", "fsync", "link", "rename".
    virtual void on_failed(File&, Error) = 0;

protected:
    ~FileHandler() = default;
};

/// One regular file, read from front to back or written new, without ever blocking the worker: one thread of
/// the Reactor does what may block, for all files in turn. (In a simulation it is done inline, and only the
/// callbacks come later.)
///
/// A file that is created has no name, or a hidden one beside it (".penstock-" and 16 hex digits, where the
/// file system knows no nameless files), until commit() gives it its own: nobody sees half a file, and a File
/// that dies before leaves nothing. When it dies between commit() and on_committed, the file is there as a
/// whole or not at all.
///
/// Owner: you; it dies before its worker, at any time, inside its callbacks too: what is in flight is
/// swallowed. Thread: its worker's.
class File : core::Affine {
public:
    static constexpr std::size_t read_bytes_max = 256 * 1024;  ///< one read, at most
    /// More than this waits to be written, and still comes a write: the File fails by ENOBUFS. Look at
    /// unwritten() long before.
    static constexpr std::size_t unwritten_bytes_max = 64 * 1024 * 1024;

    File(Worker& worker, FileHandler& handler);
    ~File();

    /// To be read. Anything but a regular file is refused.
    void open(std::string path);
    /// The next bytes, at most so many, and at most read_bytes_max.
    void read(std::size_t bytes_max);

    /// To be written, and to be called `path` once it is committed: on the file system of that folder. `mode`
    /// as of open(2), less the umask.
    void create(std::string path, unsigned mode = 0600);
    /// In order of the calls. Large pieces are copied only when others hold their bytes too; small ones are
    /// gathered.
    void write(Slice piece);
    /// Bytes that write() took and the system has not got yet.
    std::size_t unwritten() const { return unwritten_; }
    /// After all that was written: makes bytes and name last. `path`: another name on the same file system.
    /// Fails by EEXIST when there is something of that name. When the fsync of the folder is what fails, the
    /// file has its name nevertheless.
    void commit(std::string path = {});
    /// Likewise, and replaces what has that name, in one step: readers see the old file or the new one.
    void commit_over(std::string path = {});

    Worker& worker() const { return worker_; }

private:
    enum class Role : std::uint8_t { none, reader, writer, ended };
    enum class Commit : std::uint8_t { no, fresh, over };

    static void deliver(Reply& reply, Worker* worker);
    void begin_as(Role role, std::string path, unsigned mode);
    void commit_as(Commit how, std::string path);
    void refuse(Error error);
    void begin();
    void fill(detail::FileRequest& request);
    void close_block();
    void finished(std::unique_ptr<detail::FileRequest> done);

    Worker& worker_;
    FileHandler& handler_;
    // The request and the open file in it: here, or with the thread (and known by a plain pointer, both
    // ways).
    std::unique_ptr<detail::FileRequest> idle_;
    detail::FileRequest* flying_ = nullptr;
    // What the next request will take along:
    std::vector<Buffer> waiting_;
    std::vector<std::size_t> reads_;
    std::string commit_path_;
    std::size_t unwritten_ = 0;
    std::size_t block_filled_ = 0;  ///< of the last Buffer that waits, when it gathers small pieces
    Error refused_;
    Role role_ = Role::none;
    Commit commit_ = Commit::no;
    bool is_over_ = false;
};

}  // namespace penstock::events
