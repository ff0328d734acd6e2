// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/deferred.hpp>
#include <penstock/events/timer_wheel.hpp>
#include <penstock/http/chunked.hpp>
#include <penstock/http/exchange.hpp>
#include <penstock/http/request_parser.hpp>
#include <penstock/http/router.hpp>
#include <penstock/http/settings.hpp>
#include <penstock/net/pipeline/pipeline.hpp>

#include <memory>

namespace penstock::http {

/// What the connections of one server on one worker share.
struct ServerContext {
    std::shared_ptr<Router> router;
    ServerSettings settings;
    std::uint64_t requests = 0;  ///< one writer: this worker
};

/// HTTP/1.1 and 1.0 as the rightmost handler of a pipeline: parses, makes an Exchange for one request after
/// the other, frames their responses. Pipelined requests are answered in order; all that are complete in one
/// read, in one write. An idle connection holds no buffer and no Exchange, and rests (see Pipeline::rest).
/// Owner: its slot.
class Connection final : public pipeline::Handler, ExchangeSource, events::Deferred {
public:
    explicit Connection(std::shared_ptr<ServerContext> context);
    ~Connection() override;

    void on_added(pipeline::Slot& slot) override;
    void on_read(pipeline::Slot& slot, Slice slice) override;
    void on_writable(pipeline::Slot& slot) override;
    void on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error error) override;
    void on_drain(pipeline::Slot& slot) override;

private:
    enum class State : std::uint8_t { head, collect, stream, answer, ended };
    struct Head final : events::Deadline {
        explicit Head(Connection& c) : connection(c) {}
        void on_due() override;
        Connection& connection;
    };

    /// While one lives, output is collected.
    struct Loop {
        explicit Loop(Connection& c) : connection(c) { ++connection.loops_; }
        ~Loop();
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;
        Connection& connection;
    };

    void read(Slice in);
    void flush();
    void append(Chain piece);
    bool read_head(Slice& in);
    void dispatch();
    void read_body(Slice& in);
    void read_chunked(Slice& in);
    void piece(Slice slice, bool is_last);
    void collect(const Slice& slice);
    void refuse(Error error);
    void pause(bool is);
    Exchange& exchange();
    void release_exchange();
    /// Nothing has come of the next request.
    bool is_at_rest() const;
    void rest();

    // ExchangeSource.
    void begin_response(Exchange& exchange, std::optional<std::uint64_t> body_bytes) override;
    void write_body(Exchange& exchange, Chain chain) override;
    void end_response(Exchange& exchange) override;
    bool is_writable() const override;
    void ready_to_read(Exchange& exchange, bool is) override;
    void cut(Exchange& exchange, Error error) override;
    void settle_soon(Exchange& exchange) override;
    void exchange_done(Exchange& exchange) override;
    Result<void> upgrade(Exchange& exchange, const std::function<void(Detached<TcpSocket>)>& then) override;
    const net::Peer& peer() const override { return peer_; }
    void on_deferred() override;

    std::shared_ptr<ServerContext> context_;
    pipeline::Slot* slot_ = nullptr;
    std::unique_ptr<Exchange> exchange_;
    RequestParser parser_;
    Slice kept_;                   // a head that is not complete, or requests that wait for their turn
    std::uint64_t body_left_ = 0;  // of a body with a length
    std::unique_ptr<ChunkedReader> chunked_;
    Slice collected_;
    std::uint64_t body_bytes_ = 0;  // of this body, so far
    Chain out_;                     // written in this read, sent when it is done
    Head head_deadline_{*this};
    net::Peer peer_;
    unsigned loops_ = 0;
    State state_ = State::head;
    bool closes_ = false;  // after this response
    bool chunks_response_ = false;
    bool bodiless_ = false;
    bool is_ending_ = false;
    bool has_more_ = false;  // bytes came with this head that are behind it
    bool is_draining_ = false;
    bool read_ended_ = false;
    bool is_paused_ = false;
};

}  // namespace penstock::http
