// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/pipe.hpp>
#include <penstock/events/worker.hpp>

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::events {
namespace {

/// Whether nothing but the end of its readers makes it ready to be read.
using IsForWritingOnly = bool;

Result<IsForWritingOnly> make_ours(Descriptor& end) {
    struct stat file{};
    if (::fstat(end.number(), &file) != 0) return fail(Error::os(errno, "fstat"));
    if (S_ISREG(file.st_mode) || S_ISDIR(file.st_mode))
        return fail(Error::os(EPERM, "a file is not a pipe"));  // it is always ready, and keeps us waiting
    const int flags = ::fcntl(end.number(), F_GETFL);
    if (flags < 0 || ::fcntl(end.number(), F_SETFL, flags | O_NONBLOCK) != 0)
        return fail(Error::os(errno, "fcntl"));
    end.shared(true);  // by a copy, or by another process: it may be
    return S_ISFIFO(file.st_mode) && (flags & O_ACCMODE) == O_WRONLY;
}

}  // namespace

Result<PipeEnds> open_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Error::os(errno, "pipe2"));
    return PipeEnds{Descriptor(ends[0], Descriptor::Kind::other),
                    Descriptor(ends[1], Descriptor::Kind::other)};
}

PipeReader::PipeReader(Worker& worker, std::unique_ptr<PipeReadHandler> handler)
    : EventSocket(worker), handler_(std::move(handler)) {}

Result<void> PipeReader::start(Descriptor from) {
    if (const auto made = make_ours(from); !made) return fail(made);
    if (auto entered = enter(std::move(from)); !entered) return entered;
    ready_to_read(true);
    return {};
}

void PipeReader::ready_to_read(bool is) {
    if (is_entered()) backend().arm_receive(*entry_, is ? Backend::credit_unlimited : 0);
}

void PipeReader::on_received(Slice slice) {
    bytes_in_ += slice.size();
    handler_->on_read(*this, std::move(slice));
}

PipeWriter::PipeWriter(Worker& worker, std::unique_ptr<PipeWriteHandler> handler)
    : EventSocket(worker, true), handler_(std::move(handler)) {}

PipeWriter::~PipeWriter() {
    if (out_ != nullptr) worker().operations().give(*out_);
}

Result<void> PipeWriter::start(Descriptor to) {
    const auto is_for_writing_only = make_ours(to);
    if (!is_for_writing_only) return fail(is_for_writing_only);
    if (auto entered = enter(std::move(to)); !entered) return entered;
    if (*is_for_writing_only) backend().arm_poll(*entry_, {.read = true, .write = false});
    if (out_ != nullptr || is_closing_) flush_later();
    return {};
}

Sent PipeWriter::write(Slice slice) {
    if (is_closing_ || is_ended()) return Sent::closed;
    if (slice.empty()) return Sent::more;
    const auto all = unsent_bytes() + slice.size();
    if (all > slice.size() && all > unsent_bytes_max) return Sent::full;
    if (out_ == nullptr) out_ = &worker().operations().take(Operation::Kind::send);
    out_->data.append(std::move(slice));
    if (is_entered()) flush_later();
    if (all < unsent_bytes_high) return Sent::more;
    is_waiting_ = true;
    return Sent::wait;
}

Sent PipeWriter::write(Bytes bytes) {
    if (bytes.empty()) return write(Slice());
    Chain chain;  // small pieces share a slab
    chain.append(bytes);
    return write(chain.take(chain.size()));
}

std::size_t PipeWriter::unsent_bytes() const {
    return (out_ != nullptr ? out_->data.size() : 0) + (sending_ != nullptr ? sending_->data.size() : 0);
}

void PipeWriter::close() {
    if (is_closing_ || is_ended()) return;
    is_closing_ = true;
    if (is_entered()) flush_later();
}

void PipeWriter::fail_with(Error error) {
    if (is_ended()) return;
    sending_ = nullptr;  // swallowed by the closed entry
    end(error);
}

void PipeWriter::flush() {
    if (is_ended() || sending_ != nullptr) return;
    if (out_ == nullptr) return is_closing_ ? fail_with(Error()) : void();
    sending_ = std::exchange(out_, nullptr);
    if (const auto done = backend().submit(*entry_, *sending_)) {
        sending_->done = *done;
        sent(*sending_);
    }
}

void PipeWriter::sent(Operation& operation) {
    const auto done = operation.done;
    bytes_out_ += done.bytes;
    sending_ = nullptr;
    if (operation.data.empty()) {
        worker().operations().give(operation);
    } else {
        if (out_ != nullptr) {
            operation.data.append(std::move(out_->data));
            worker().operations().give(*out_);
        }
        out_ = &operation;
    }
    if (done.error) return fail_with(done.error);
    if (out_ != nullptr || is_closing_) flush_later();
    if (!is_waiting_ || is_closing_ || unsent_bytes() > unsent_bytes_high / 2) return;
    is_waiting_ = false;
    handler_->on_writable(*this);
}

/// A pipe that nobody reads is "ready to be read" at this end.
void PipeWriter::on_ready(Interest) { fail_with(Error::os(EPIPE, "nobody reads the pipe")); }

}  // namespace penstock::events
