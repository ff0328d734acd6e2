// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/event_socket.hpp>

#include <cerrno>
#include <memory>

namespace penstock::events {

/// Both ends of a new pipe(7). Each becomes live in a PipeReader or a PipeWriter, or goes to another process.
struct PipeEnds {
    Descriptor read, write;
};
Result<PipeEnds> open_pipe();

class PipeReader;
class PipeWriter;

/// What a PipeReader tells. Owned by it, destroyed right after on_closed.
class PipeReadHandler {
public:
    virtual ~PipeReadHandler() = default;
    virtual void on_read(PipeReader&, Slice) = 0;
    /// The last: a default-made Error when the writers have closed.
    virtual void on_closed(PipeReader&, Error) {}
};

/// The end of a pipe from which bytes come: a child's output, our own input. It makes the descriptor
/// non-blocking, for whoever shares it as well. Regular files are refused (EPERM): they are events::File's.
///
/// Owner: its worker, until the end of the turn of on_closed. Thread: its worker's.
class PipeReader final : public EventSocket {
public:
    PipeReader(Worker& worker, std::unique_ptr<PipeReadHandler> handler);

    /// Requires that it was not started before. After an error it is yours to delete.
    Result<void> start(Descriptor end);
    void ready_to_read(bool is);
    void abort() override { end(Error::os(ECONNABORTED, "aborted")); }
    std::uint64_t bytes_in() const { return bytes_in_; }

private:
    void drain() override {}
    void on_ended(Error error) override { handler_->on_closed(*this, error); }
    void on_received(Slice slice) override;
    void on_receive_end() override { end(); }
    void on_receive_failed(Error error) override { end(error); }
    void on_thrown(Error error) override { end(error); }

    const std::unique_ptr<PipeReadHandler> handler_;
    std::uint64_t bytes_in_ = 0;
};

/// What a PipeWriter tells. Owned by it, destroyed right after on_closed.
class PipeWriteHandler {
public:
    virtual ~PipeWriteHandler() = default;
    /// After a write that answered `wait`: half of unsent_bytes_high or less is left.
    virtual void on_writable(PipeWriter&) {}
    /// The last. EPIPE: nobody reads any more; of a pipe (not of a terminal, say) also told when nothing is
    /// written.
    virtual void on_closed(PipeWriter&, Error) {}
};

/// The end of a pipe into which bytes go. Likewise.
class PipeWriter final : public EventSocket {
public:
    static constexpr std::size_t unsent_bytes_high = 256 * 1024;  ///< from here on write answers `wait`
    static constexpr std::size_t unsent_bytes_max =
        16 * 1024 * 1024;  ///< beyond, `full`; one piece is always taken

    PipeWriter(Worker& worker, std::unique_ptr<PipeWriteHandler> handler);
    ~PipeWriter() override;

    /// Requires that it was not started before. After an error it is yours to delete.
    Result<void> start(Descriptor end);
    Sent write(Slice slice);
    Sent write(Bytes bytes);  ///< copies
    std::size_t unsent_bytes() const;
    /// Behind what is queued: then the reader sees the end.
    void close();
    void abort() override { fail_with(Error::os(ECONNABORTED, "aborted")); }
    std::uint64_t bytes_out() const { return bytes_out_; }

private:
    void fail_with(Error error);
    void sent(Operation& operation);
    void drain() override { close(); }
    void flush() override;
    void on_ended(Error error) override { handler_->on_closed(*this, error); }
    void on_ready(Interest) override;
    void on_completed(Operation& operation) override { sent(operation); }
    void on_thrown(Error error) override { fail_with(error); }

    const std::unique_ptr<PipeWriteHandler> handler_;
    Operation* out_ = nullptr;      // collects
    Operation* sending_ = nullptr;  // in flight
    std::uint64_t bytes_out_ = 0;
    bool is_waiting_ = false;
    bool is_closing_ = false;
};

}  // namespace penstock::events
