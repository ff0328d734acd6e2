// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/chain.hpp>
#include <penstock/core/field.hpp>
#include <penstock/events/deferred.hpp>
#include <penstock/events/remote.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/http/exchange_source.hpp>
#include <penstock/http/handler.hpp>
#include <penstock/http/head.hpp>
#include <penstock/http/message.hpp>
#include <penstock/http/response_head.hpp>
#include <penstock/http/route_tree.hpp>
#include <penstock/net/peer.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::http {

struct RouteEntry;
class Router;

/// One request and its response, wherever it came from (HTTP/1, an encrypted request): a handler cannot tell.
///
/// Owner: its source, until the response is complete or cut; so all views from it live that long, also across
/// co_await. Copy what must live longer. Thread: its worker's; others hold a Remote.
class Exchange final : core::Affine {
public:
    explicit Exchange(Worker& worker) : worker_(worker), task_(*this) {}
    ~Exchange();

    Worker& worker() const { return worker_; }
    const net::Peer& peer() const { return source_->peer(); }
    bool is_encrypted() const { return source_->is_encrypted(); }
    Remote<Exchange> remote();
    /// 16 characters, unique in this process: for logs and names of files.
    std::string_view id() const;

    // The request.
    Method method() const { return head_.method(); }
    std::string_view method_text() const { return head_.method_text(); }
    std::string_view path() const { return path_; }  ///< normalized: see normalize_path
    std::string_view target() const { return head_.target(); }
    /// A parameter of the route's pattern, decoded.
    std::string_view param(std::string_view name) const;
    /// A query parameter, decoded; empty when there is none.
    std::string_view query(std::string_view name) const;
    std::string_view header(std::string_view name) const { return head_.field(name); }
    const RequestHead& head() const { return head_; }
    /// Whole and contiguous; empty in streaming handlers.
    Bytes body() const { return body_; }
    Slice share_body() const { return body_.share(); }
    /// All of it, owned.
    Request request() const;

    // The response, in one piece. The first answer counts, later ones do nothing.
    ResponseHead& response() { return response_; }
    /// text/plain; charset=utf-8, from pieces: text, numbers, slices.
    template <class... T>
    void text(const T&... pieces) {
        if (is_started_) return;
        plain_type();
        send_pieces(pieces...);
    }
    void json(std::initializer_list<Field> fields) { json(200, fields); }
    void json(int status, std::initializer_list<Field> fields);
    void send(Response response);
    /// This body, with the head that was set so far.
    void send(int status, Chain body);
    /// A problem: the error is logged, only the status is shown.
    void fail(int status, Error error = {});

    // The response, streamed.
    void start(int status = 200);
    /// Likewise, with a Content-Length: exactly so much must be written.
    void start(int status, std::uint64_t body_bytes);
    template <class... T>
    Sent write(const T&... pieces) {
        Chain chain;
        (append(chain, pieces), ...);
        return write(std::move(chain));
    }
    Sent write(Slice slice) { return write(Chain(std::move(slice))); }
    Sent write(Chain chain);
    void finish();

    /// Takes the connection out of HTTP: `then` gets the socket, later in this turn or in the next, and
    /// whoever adopts it answers the request in its own protocol. After an error the request is still to be
    /// answered here.
    Result<void> upgrade(const std::function<void(Detached<TcpSocket>)>& then);

    void ready_to_read(bool is);
    void ready_to_write(bool is);
    /// The next piece of the body; nothing: it is complete, or the client left (then is_open is false).
    Awaitable<std::optional<Slice>> read();
    /// There is room to write.
    Awaitable<bool> writable();
    /// For who writes from outside of handlers: deferred whenever there is room again. Null: nobody.
    void on_room(events::Deferred* listener) { room_listener_ = listener; }
    bool is_writable() const { return is_open() && source_->is_writable(); }
    bool is_open() const { return source_ != nullptr && !is_cut_; }
    bool is_started() const { return is_started_; }
    bool is_finished() const { return is_finished_; }

    // For sources.
    /// Reset for a new request; its head is parsed into `parsing_head`.
    void open(ExchangeSource& source) { source_ = &source; }
    RequestHead& parsing_head() { return head_; }
    /// The head is complete; `bytes` holds it.
    void head_arrived(Slice bytes);
    /// Finds the route and begins. Answers how the source must go on with the body.
    enum class Body : std::uint8_t { none, collect, stream };
    Body dispatch(Router& router);
    std::uint64_t body_bytes_max() const { return body_bytes_max_; }
    /// For Body::collect: the whole.
    void body_arrived(Slice body);
    void piece_arrived(Slice piece);
    void end_arrived();
    bool takes_body() const { return wants_body_; }
    bool has_ended_body() const { return body_ended_; }
    void body_ended() { body_ended_ = true; }
    void writable_again();
    /// What is due; at the end the source hears exchange_done.
    void settle();
    /// The peer is gone, or the source is.
    void closed(Error error);
    /// For the next request. Requires that nothing of the last one runs.
    void clear();

private:
    friend class Router;
    struct RouteTask final : events::detail::TaskRoot {
        explicit RouteTask(Exchange& e) : TaskRoot(e.worker_), exchange(e) {}
        void on_finished(std::exception_ptr thrown) override;
        Exchange& exchange;
    };

    template <class T>
    static void append(Chain& chain, const T& piece) {
        if constexpr (std::integral<T> && !std::same_as<T, char> && !std::same_as<T, bool>) {
            std::array<char, 24> room;
            const auto end = std::to_chars(room.data(), room.data() + room.size(), piece).ptr;
            chain.append(Bytes(std::string_view(room.data(), end)));
        } else {
            chain.append(Bytes(piece));
        }
    }
    template <class... T>
    void send_pieces(const T&... pieces) {
        Chain chain;
        (append(chain, pieces), ...);
        send(response_.status(), std::move(chain));
    }
    void plain_type();
    void run_route();
    void run_plain();
    void begin(std::optional<std::uint64_t> body_bytes);
    void threw();
    template <class F>
    void guarded(F f);
    void give_piece();
    std::string_view decoded(std::string_view raw, bool plus) const;

    Worker& worker_;
    ExchangeSource* source_ = nullptr;
    RequestHead head_;
    Slice head_bytes_;
    std::string_view path_;
    std::string path_room_;
    mutable std::string text_room_;
    mutable std::vector<std::string> decoded_;
    mutable std::array<char, 16> id_{};
    RouteTree::Match match_;
    const RouteEntry* route_ = nullptr;
    std::shared_ptr<Router> router_;  // lives until its last exchange, also past a reload
    Slice body_;
    Chain pieces_;  // of a streamed body, not taken yet
    ResponseHead response_;
    std::unique_ptr<Handler> handler_;
    RouteTask task_;
    events::Answer<std::optional<Slice>> reader_;
    events::Answer<bool> writer_;
    events::Deferred* room_listener_ = nullptr;
    std::uint64_t body_bytes_max_ = 0;
    std::optional<std::uint64_t> left_to_write_;
    std::uint32_t place_ = 0;
    Error error_;
    bool is_started_ = false, is_finished_ = false, is_cut_ = false, is_closed_ = false;
    bool wants_body_ = true, body_ended_ = false, end_told_ = false, wants_write_ = true;
    unsigned running_ = 0;
};

}  // namespace penstock::http
