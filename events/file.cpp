// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/file_thread.hpp>
#include <penstock/events/file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

namespace penstock::events {
namespace {

using detail::FileRequest;
using detail::FileThread;

constexpr std::size_t batch_bytes = 1024 * 1024;  // in one request: then it is the next file's turn

/// Up to here a piece is copied into a block with its neighbours: alone, one byte would hold a slab.
constexpr std::size_t small_bytes = 4 * 1024;

bool is_name_of_file(const std::string& path) {
    if (path.find('\0') != std::string::npos) return false;
    const auto name = path.substr(path.rfind('/') + 1);
    return !name.empty() && name != "." && name != "..";
}

/// A request that was executed inline, until it is delivered.
class Inline {
public:
    Inline(Worker& worker, std::unique_ptr<FileRequest> request)
        : worker_(&worker), request_(std::move(request)) {}
    Inline(Inline&&) noexcept = default;
    ~Inline() {
        if (request_ != nullptr) deliver(nullptr);  // the worker ends
    }
    void operator()() { deliver(worker_); }

private:
    void deliver(Worker* worker) {
        auto& reply = *request_.release();
        reply.run(reply, worker);
    }
    Worker* worker_;
    std::unique_ptr<FileRequest> request_;
};

void send(Worker& worker, std::unique_ptr<FileRequest> request) {
    if (auto* thread = worker.find_local<FileThread>()) return thread->submit(std::move(request));
    request->execute();
    worker.later(Inline(worker, std::move(request)));
}

/// Its File is gone: closing may block as well (it may be the end of a large file).
void dispose(Worker& worker, std::unique_ptr<FileRequest> request) {
    request->pieces.clear();
    request->room = {};
    auto* thread = worker.find_local<FileThread>();
    if (!request->is_open() || thread == nullptr) return;
    request->inbox = nullptr;
    request->error = Error::os(ECANCELED);
    thread->submit(std::move(request));
}

/// A few bytes do not keep a large block.
Slice fitting(Slice read) {
    if (read.size() < read.slab_size() / 4) return Slice::copy(read);
    return read;
}

}  // namespace

File::File(Worker& worker, FileHandler& handler) : worker_(worker), handler_(handler) {}

File::~File() {
    if (flying_ != nullptr) flying_->owner = nullptr;
    if (idle_ != nullptr) dispose(worker_, std::move(idle_));
}

void File::open(std::string path) { begin_as(Role::reader, std::move(path), 0); }

void File::create(std::string path, unsigned mode) { begin_as(Role::writer, std::move(path), mode); }

void File::begin_as(Role role, std::string path, unsigned mode) {
    const bool creates = role == Role::writer;
    const char* const doing = creates ? "create" : "open";
    if (role_ != Role::none) return refuse(Error::os(EBUSY, doing));
    // The system would stop at a zero, and open something else.
    if (creates ? !is_name_of_file(path) : path.find('\0') != std::string::npos)
        return refuse(Error::os(EINVAL, doing));
    if (is_over_ || refused_) return;
    role_ = role;
    idle_ = std::make_unique<FileRequest>();
    idle_->begin = creates ? FileRequest::Begin::create : FileRequest::Begin::open;
    idle_->path = std::move(path);
    idle_->mode = mode;
    if (creates) idle_->salt = worker_.random().word();
    begin();
}

void File::read(std::size_t bytes_max) {
    if (role_ != Role::reader) return refuse(Error::os(EBADF, "read"));
    if (is_over_) return;
    reads_.push_back(std::clamp<std::size_t>(bytes_max, 1, read_bytes_max));
    begin();
}

void File::write(Slice piece) {
    if (role_ != Role::writer || commit_ != Commit::no) return refuse(Error::os(EBADF, "write"));
    if (is_over_ || piece.empty()) return;
    if (unwritten_ > unwritten_bytes_max) return refuse(Error::os(ENOBUFS, "write"));
    unwritten_ += piece.size();
    if (piece.size() > small_bytes) {
        close_block();
        waiting_.push_back(std::move(piece).own());
        return begin();
    }
    if (block_filled_ + piece.size() > core::slab_bytes) close_block();
    if (block_filled_ == 0) waiting_.push_back(Buffer::room(core::slab_bytes));
    std::memcpy(waiting_.back().writable() + block_filled_, piece.data(), piece.size());
    block_filled_ += piece.size();
    begin();
}

/// The last Buffer gathers no more.
void File::close_block() {
    if (const auto filled = std::exchange(block_filled_, 0); filled > 0) waiting_.back().keep(filled);
}

void File::commit(std::string path) { commit_as(Commit::fresh, std::move(path)); }

void File::commit_over(std::string path) { commit_as(Commit::over, std::move(path)); }

void File::commit_as(Commit how, std::string path) {
    if (role_ != Role::writer || commit_ != Commit::no) return refuse(Error::os(EBADF, "rename"));
    if (!path.empty() && !is_name_of_file(path)) return refuse(Error::os(EINVAL, "rename"));
    commit_ = how;
    commit_path_ = std::move(path);
    begin();
}

/// Fails, but not inside the call: the error takes the way of all others.
void File::refuse(Error error) {
    if (is_over_ || refused_) return;
    refused_ = error;
    begin();
}

/// Sends what there is to do, unless the request is away: then its return does.
void File::begin() {
    if (flying_ != nullptr || is_over_) return;
    if (idle_ == nullptr) idle_ = std::make_unique<FileRequest>();
    auto& request = *idle_;
    fill(request);
    if (!refused_ && request.begin == FileRequest::Begin::nothing && request.pieces.empty() &&
        !request.reads && request.commit == FileRequest::Commit::no)
        return;
    request.error = refused_;
    request.run = &deliver;
    request.owner = this;
    request.inbox = &worker_.inbox();
    request.epoch = worker_.inbox().epoch();
    flying_ = &request;
    send(worker_, std::move(idle_));
}

void File::fill(FileRequest& request) {
    if (refused_) return;
    close_block();
    std::size_t count = 0;
    while (count < waiting_.size() && request.bytes < batch_bytes) request.bytes += waiting_[count++].size();
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
    std::move(waiting_.begin(), end, std::back_inserter(request.pieces));
    waiting_.erase(waiting_.begin(), end);
    if (!reads_.empty()) {
        request.reads = true;
        request.room = Buffer::room(reads_.front());
        reads_.erase(reads_.begin());
    }
    if (commit_ != Commit::no && waiting_.empty()) {
        request.commit = commit_ == Commit::over ? FileRequest::Commit::over : FileRequest::Commit::fresh;
        request.target = std::move(commit_path_);
        role_ = Role::ended;
        commit_ = Commit::no;
    }
}

void File::deliver(Reply& reply, Worker* worker) {
    std::unique_ptr<FileRequest> request(static_cast<FileRequest*>(&reply));
    auto* file = request->owner;
    if (file == nullptr) {
        if (worker != nullptr) dispose(*worker, std::move(request));
        return;
    }
    if (worker != nullptr) return file->finished(std::move(request));
    file->flying_ = nullptr;
    file->is_over_ = true;
}

void File::finished(std::unique_ptr<FileRequest> done) {
    auto& worker = worker_;
    // When this dies in a callback, ~File says so in the request, as if it were still away.
    auto tell = [&](auto call) {
        try {
            call();
        } catch (...) {
            worker.caught("file handler");
            if (done->owner != nullptr && !refused_) refused_ = Error::os(EFAULT, "the handler threw");
        }
    };
    const auto error = done->error;
    const bool has_written = !error && !done->pieces.empty(), has_read = !error && done->reads,
               has_committed = !error && done->commit != FileRequest::Commit::no;
    done->pieces.clear();
    done->begin = FileRequest::Begin::nothing;
    done->commit = FileRequest::Commit::no;
    done->reads = false;
    unwritten_ -= std::exchange(done->bytes, 0);
    auto read = std::exchange(done->room, {}).slice();
    if (has_written) tell([this] { handler_.on_written(*this); });
    if (has_read && done->owner != nullptr) tell([&] { handler_.on_read(*this, fitting(std::move(read))); });
    if (has_committed && done->owner != nullptr) tell([this] { handler_.on_committed(*this); });
    if (error) {
        is_over_ = true;
        waiting_.clear();
        reads_.clear();
        unwritten_ = 0;
        tell([&] { handler_.on_failed(*this, error); });
    }
    if (done->owner == nullptr) return dispose(worker, std::move(done));
    flying_ = nullptr;
    idle_ = std::move(done);
    begin();
}

}  // namespace penstock::events
