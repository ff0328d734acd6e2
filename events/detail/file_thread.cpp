// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/file_thread.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace penstock::events::detail {
namespace {

constexpr std::size_t gather_max = 64;  // pieces in one system call
constexpr int names_max = 16;           // hidden ones that are tried

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// Leads to an open file that has no name.
std::string link_to(const Descriptor& file) { return "/proc/self/fd/" + std::to_string(file.number()); }

Descriptor opened(const std::string& path, int flags, unsigned mode = 0) {
    int number;
    do number = ::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode));
    while (number < 0 && errno == EINTR);
    return Descriptor(number, Descriptor::Kind::other);
}

/// Some file systems cannot, and then it is not needed.
bool synced_folder(const Descriptor& folder) {
    return ::fsync(folder.number()) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
}

/// Only what the thread's own faults raise is left to it.
void block_signals() {
    sigset_t set;
    ::sigfillset(&set);
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF})
        ::sigdelset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

/// It was started by a worker, and inherited its CPU: it takes those of the main thread.
void unpin() {
    cpu_set_t set;
    if (::sched_getaffinity(::getpid(), sizeof set, &set) == 0)
        ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

/// Goes home undone.
void give_up(std::unique_ptr<FileRequest> request, int code) {
    request->error = Error::os(code, "file thread");
    request->execute();
    FileRequest::answer(std::move(request));
}

}  // namespace

void FileRequest::execute() {
    if (!error && begin == Begin::open) error = open_existing();
    if (!error && begin == Begin::create) error = create();
    if (!error && !pieces.empty()) error = write_pieces();
    if (!error && reads) error = read_piece();
    if (!error && commit != Commit::no) error = make_last();
    if (error) abandon();
}

void FileRequest::answer(std::unique_ptr<FileRequest> request) {
    if (request->inbox == nullptr) return;
    auto& flying = *request.release();
    flying.inbox->reply(flying.epoch, flying);
}

/// Not waiting for the other end of a FIFO: nobody else's files should either.
Error FileRequest::open_existing() {
    file = opened(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return Error::os(errno, "open");
    struct stat seen{};
    if (::fstat(file.number(), &seen) != 0) return Error::os(errno, "open");
    if (S_ISDIR(seen.st_mode)) return Error::os(EISDIR, "open");
    if (!S_ISREG(seen.st_mode)) return Error::os(EINVAL, "open: not a regular file");
    return {};
}

Error FileRequest::create() {
    if (may_be_nameless) {
        file = opened(folder_of(path), O_TMPFILE | O_WRONLY, mode);
        if (file && ::access(link_to(file).c_str(), F_OK) == 0) return {};  // else it never gets a name
    }
    for (int tries = 0; tries < names_max; ++tries) {
        auto name = hidden_name(path);
        file = opened(name, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (file) {
            hidden = std::move(name);
            return {};
        }
        if (errno != EEXIST) break;
    }
    return Error::os(errno, "create");
}

Error FileRequest::write_pieces() {
    std::size_t at = 0, done = 0;  // bytes of pieces[at]
    while (at < pieces.size()) {
        std::array<iovec, gather_max> views;
        const auto count = std::min(pieces.size() - at, views.size());
        for (std::size_t i = 0; i < count; ++i) views[i] = {pieces[at + i].writable(), pieces[at + i].size()};
        views[0] = {pieces[at].writable() + done, pieces[at].size() - done};
        const auto written = ::writev(file.number(), views.data(), static_cast<int>(count));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return Error::os(written < 0 ? errno : EIO, "write");
        done += static_cast<std::size_t>(written);
        while (at < pieces.size() && done >= pieces[at].size()) done -= pieces[at++].size();
    }
    return {};
}

Error FileRequest::read_piece() {
    ssize_t got;
    do got = ::read(file.number(), room.writable(), room.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) return Error::os(errno, "read");
    room.keep(static_cast<std::size_t>(got));
    return {};
}

Error FileRequest::make_last() {
    const auto& name = target.empty() ? path : target;
    if (::fsync(file.number()) != 0) return Error::os(errno, "fsync");
    const auto folder = opened(folder_of(name), O_RDONLY | O_DIRECTORY);
    if (!folder) return Error::os(errno, "rename");
    if (const auto named = commit == Commit::over ? name_over(name) : name_fresh(name)) return named;
    file.close();
    if (!synced_folder(folder)) return Error::os(errno, "fsync");
    return {};
}

Error FileRequest::name_fresh(const std::string& name) {
    if (hidden.empty()) {
        if (::linkat(AT_FDCWD, link_to(file).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0)
            return {};
        return Error::os(errno, "link");
    }
    if (::renameat2(AT_FDCWD, hidden.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) {
        hidden.clear();
        return {};
    }
    if (errno != EINVAL && errno != ENOSYS) return Error::os(errno, "rename");
    if (::link(hidden.c_str(), name.c_str()) != 0) return Error::os(errno, "link");
    ::unlink(std::exchange(hidden, {}).c_str());
    return {};
}

/// A link never replaces a name, so what has none gets a hidden one first.
Error FileRequest::name_over(const std::string& name) {
    for (int tries = 0; hidden.empty(); ++tries) {
        auto first = hidden_name(name);
        if (::linkat(AT_FDCWD, link_to(file).c_str(), AT_FDCWD, first.c_str(), AT_SYMLINK_FOLLOW) == 0)
            hidden = std::move(first);
        else if (errno != EEXIST || tries == names_max)
            return Error::os(errno, "link");
    }
    if (::rename(hidden.c_str(), name.c_str()) != 0) return Error::os(errno, "rename");
    hidden.clear();
    return {};
}

std::string FileRequest::hidden_name(const std::string& beside) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(salt++));
    return folder_of(beside) + "/.penstock-" + digits;
}

void FileRequest::abandon() noexcept {
    if (!hidden.empty()) ::unlink(hidden.c_str());
    hidden.clear();
    file.close();
}

void FileThread::submit(std::unique_ptr<FileRequest> request) {
    {
        const std::lock_guard held(lock_);
        if (start()) {
            request->next = nullptr;
            *last_ = request.get();
            last_ = &request.release()->next;
            changed_.notify_one();
            return;
        }
    }
    give_up(std::move(request), EAGAIN);
}

/// Once. False: the system has no thread for us.
bool FileThread::start() {
    if (thread_.joinable()) return true;
    try {
        thread_ = std::thread([this] { run(); });
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

void FileThread::run() {
    block_signals();
    unpin();
    ::pthread_setname_np(::pthread_self(), "files");
    std::unique_lock held(lock_);
    for (;;) {
        changed_.wait(held, [this] { return is_stopping_ || first_ != nullptr; });
        if (is_stopping_) return;
        std::unique_ptr<FileRequest> request(static_cast<FileRequest*>(first_));
        first_ = request->next;
        if (first_ == nullptr) last_ = &first_;
        held.unlock();
        request->execute();
        FileRequest::answer(std::move(request));
        held.lock();
    }
}

void FileThread::stop() {
    {
        const std::lock_guard held(lock_);
        if (!thread_.joinable()) return;
        is_stopping_ = true;
        changed_.notify_one();
    }
    thread_.join();
    is_stopping_ = false;
    auto* left = std::exchange(first_, nullptr);
    last_ = &first_;
    while (left != nullptr) {
        std::unique_ptr<FileRequest> request(static_cast<FileRequest*>(std::exchange(left, left->next)));
        give_up(std::move(request), ECANCELED);
    }
}

}  // namespace penstock::events::detail
