// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/chunked.hpp>
#include <penstock/http/limits.hpp>
#include <penstock/http/message.hpp>
#include <penstock/http/reply_head.hpp>
#include <penstock/http/response_parser.hpp>
#include <penstock/net/pipeline/pipeline.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::http {

/// How much of a response a client accepts.
struct ReplyLimits {
    Limits limits{};
    std::uint64_t body_bytes_max = 16 * 1024 * 1024;
    unsigned interim_max = 16;  ///< 1xx responses before the final one
};

/// HTTP/1.1 as a client, the rightmost handler of its pipeline: one request after the other, each with its
/// response collected whole. It knows no deadlines, no pool and no names: see Client.
///
/// Errors: of the system (the connection was lost), or of Domain::http: the response can't be read (with the
/// parsers' codes), is not one to this request, is too long or was cut short (502); the text says what was
/// wrong. After any error the connection is over.
///
/// Owner: its slot. Thread: the pipeline's. No callback comes inside a call into it; one that throws ends the
/// connection.
class ClientConnection final : public pipeline::Handler {
public:
    using Then = std::move_only_function<void(Result<Response>)>;
    /// Gets the 101, and answers who takes the slot from then on; the bytes behind the head are its first
    /// read. With any other response, or an error, what it answers is not looked at. Null: the pipeline
    /// closes.
    using Upgraded = std::move_only_function<std::unique_ptr<pipeline::Handler>(Result<Response>)>;

    explicit ClientConnection(const ReplyLimits& limits = {});
    ~ClientConnection() override;

    /// Where a request goes, as its head says it.
    struct Target {
        std::string target;  ///< "/path?query"
        std::string host;    ///< of the Host field, unless the request has its own
    };
    /// Requires is_idle(), a method with a name (no CONNECT), and a target without spaces and controls.
    /// `then` is called once, when the response is whole; if is_idle() is true again by then, the next
    /// request may be sent.
    void send(std::shared_ptr<const Request> request, const Target& target, Then then);
    /// Asks to go over to another protocol: the request has the Upgrade field. The last request of this
    /// connection, whatever comes.
    void upgrade(std::shared_ptr<const Request> request, const Target& target, Upgraded then);

    bool is_idle() const { return state_ == State::idle; }
    /// A byte of the current response has come, or of the one that failed.
    bool has_answered() const { return has_answered_; }
    /// Called once, when no more requests can be sent by it: before the callback of the last one.
    void on_ended(std::move_only_function<void()> call) { on_ended_ = std::move(call); }
    /// No callback comes any more; the connection is cut.
    void abandon();
    /// Valid from on_added on.
    Pipeline& line() const { return slot_->pipeline(); }

    void on_added(pipeline::Slot& slot) override { slot_ = &slot; }
    void on_read(pipeline::Slot& slot, Slice slice) override;
    void on_writable(pipeline::Slot& slot) override;
    void on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error error) override;
    void on_drain(pipeline::Slot& slot) override;

private:
    enum class State : std::uint8_t { idle, head, body, ended };

    void begin(std::shared_ptr<const Request> request, const Target& target);
    void write_head(const Target& target);
    void write_body();
    void read(Slice in);
    bool read_head(Slice& in);
    void head_arrived(Slice& in);
    void read_body(Slice& in);
    bool collect(Bytes piece);
    Response take_head();
    void complete(bool is_alone);
    void switch_over(Slice behind);
    void refuse(const char* text);
    void break_off(Error error);
    void end();
    void answer(Result<Response> result);

    const ReplyLimits limits_;
    pipeline::Slot* slot_ = nullptr;
    std::shared_ptr<const Request> request_;
    std::size_t written_ = 0;  // of its body
    Then then_;
    Upgraded upgraded_;
    std::move_only_function<void()> on_ended_;
    ResponseParser parser_;
    ReplyHead head_;
    Slice kept_;  // of a head that is not complete
    std::optional<Response> response_;
    std::optional<ChunkedReader> chunked_;
    Slice collected_;
    std::uint64_t body_left_ = 0;  // of a body with a length
    unsigned interims_ = 0;
    State state_ = State::idle;
    bool has_answered_ = false;
    bool is_draining_ = false;
};

}  // namespace penstock::http
