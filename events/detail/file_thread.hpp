// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/result.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/events/descriptor.hpp>
#include <penstock/events/inbox.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace penstock::events {

class File;

namespace detail {

/// All that a File wants of the disk at one time, and the open file itself. There is one for each File; it
/// travels to the thread and home again, so that only one side touches it at a time, and its way home needs
/// no room. It cleans up when it dies: closes, and removes what has no name of its own.
struct FileRequest final : Reply {
    enum class Begin : std::uint8_t { nothing, open, create };
    enum class Commit : std::uint8_t { no, fresh, over };

    ~FileRequest() { abandon(); }

    /// Does what is asked, in the order of the members below, up to the first error; then it is abandoned.
    void execute();
    /// Sends it home. Thread: any.
    static void answer(std::unique_ptr<FileRequest> request);
    bool is_open() const { return static_cast<bool>(file); }

    // The worker's, also while it is away:
    File* owner = nullptr;  ///< null: it has died
    // Where it came from. Null: nobody waits, it is only to be freed.
    Inbox* inbox = nullptr;
    std::uint32_t epoch = 0;

    // What is asked; `error` may be set before: then it is only cleaned up.
    Begin begin = Begin::nothing;
    std::string path;
    unsigned mode = 0600;
    std::uint64_t salt = 0;       ///< of hidden names
    bool may_be_nameless = true;  ///< while it is written
    std::vector<Buffer> pieces;   ///< to be written, none empty; they go home to be freed
    std::size_t bytes = 0;        ///< in them
    bool reads = false;
    Buffer room;  ///< to be filled, and cut to what came
    Commit commit = Commit::no;
    std::string target;  ///< empty: path

    Error error;

private:
    Error open_existing();
    Error create();
    Error write_pieces();
    Error read_piece();
    Error make_last();
    Error name_fresh(const std::string& name);
    Error name_over(const std::string& name);
    std::string hidden_name(const std::string& beside);
    void abandon() noexcept;

    Descriptor file;
    std::string hidden;  ///< the name that it has meanwhile; empty: none
};

/// The thread that does what may block, for all files of a Reactor: one request after the other, in their
/// order. One slow disk makes all files wait, but no worker. Starts with the first request; blocks all
/// signals that others could want (SIGXFSZ too, so that a file that grows beyond its limit is an error).
///
/// Owner: the Reactor, which lends it to its workers. A worker without one does the work itself.
class FileThread : core::Affine {
public:
    ~FileThread() { stop(); }

    /// Thread: any.
    void submit(std::unique_ptr<FileRequest> request);
    /// Requires that the workers have ended. The request that runs is ended, the others are abandoned. It may
    /// be used again.
    void stop();

private:
    bool start();
    void run();

    std::mutex lock_;
    std::condition_variable changed_;
    std::thread thread_;
    Reply* first_ = nullptr;  // linked by Reply::next
    Reply** last_ = &first_;
    bool is_stopping_ = false;
};

}  // namespace detail
}  // namespace penstock::events
