// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/connection.hpp>
#include <penstock/http/response_writer.hpp>
#include <penstock/http/status.hpp>
#include <penstock/net/socket_carrier.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace penstock::http {
namespace {

/// Exchanges of this worker that wait for their next request.
struct ExchangePool {
    static constexpr std::size_t kept_max = 1024;
    std::vector<std::unique_ptr<Exchange>> free;
};

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(std::shared_ptr<ServerContext> context)
    : context_(std::move(context)), parser_(context_->settings.limits) {}

Connection::~Connection() {
    if (exchange_ == nullptr) return;
    exchange_->closed(Error::os(ECONNRESET, "the connection ended"));
    exchange_->worker().bury(std::move(exchange_));
}

Exchange& Connection::exchange() {
    if (exchange_ != nullptr) return *exchange_;
    auto& pool = slot_->worker().local<ExchangePool>();
    if (pool.free.empty()) {
        exchange_ = std::make_unique<Exchange>(slot_->worker());
    } else {
        exchange_ = std::move(pool.free.back());
        pool.free.pop_back();
    }
    exchange_->open(*this);
    return *exchange_;
}

void Connection::release_exchange() {
    auto& pool = slot_->worker().local<ExchangePool>();
    exchange_->clear();
    if (pool.free.size() < ExchangePool::kept_max)
        pool.free.push_back(std::exchange(exchange_, nullptr));
    else
        slot_->worker().bury(std::exchange(exchange_, nullptr));
}

// The pipeline's calls.

void Connection::on_added(pipeline::Slot& slot) {
    slot_ = &slot;
    peer_ = net::Peer(slot.pipeline().peer());
    slot.pipeline().idle_timeout(context_->settings.idle_time_max);
    rest();
}

bool Connection::is_at_rest() const {
    return state_ == State::head && exchange_ == nullptr && kept_.empty() && out_.empty() && !is_draining_ &&
           !read_ended_;
}

void Connection::rest() {
    if (is_at_rest()) slot_->pipeline().rest();
}

void Connection::on_read(pipeline::Slot&, Slice slice) {
    const Loop loop(*this);
    read(std::move(slice));
}

void Connection::on_writable(pipeline::Slot&) {
    const Loop loop(*this);
    if (exchange_ != nullptr) exchange_->writable_again();
}

void Connection::on_deferred() {
    const Loop loop(*this);
    if (exchange_ != nullptr && state_ != State::head) exchange_->settle();
    if (state_ == State::head && !kept_.empty()) read({});
}

/// What was written while it lasted leaves in one piece.
Connection::Loop::~Loop() {
    if (--connection.loops_ > 0) return;
    connection.flush();
    connection.rest();
}

void Connection::flush() {
    if (!out_.empty()) slot_->write({std::move(out_), {}});
    if (state_ == State::ended && !std::exchange(is_ending_, true)) slot_->shut_down({});
}

void Connection::on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error error) {
    if (direction == pipeline::Direction::write || slot.pipeline().is_closed()) {
        state_ = State::ended;
        is_ending_ = true;
        head_deadline_.cancel();
        if (exchange_ != nullptr) {
            exchange_->closed(error ? error : Error::os(ECONNRESET, "the client left"));
            slot.worker().bury(std::exchange(exchange_, nullptr));
        }
        return slot.shutdown_done(direction);
    }
    read_ended_ = true;
    // A request that is whole is answered; one that was cut is not.
    if (state_ == State::answer) return;
    state_ = State::ended;
    is_ending_ = true;
    slot.shutdown_done(direction);
}

void Connection::on_drain(pipeline::Slot& slot) {
    closes_ = is_draining_ = true;
    if (state_ == State::head && !parser_.is_started() && !is_deferred()) slot.pipeline().close();
}

// The request.

void Connection::read(Slice in) {
    if (!kept_.empty()) {
        if (!in.empty() && !kept_.extend(in)) {
            auto larger = Buffer::room(std::max<std::size_t>(512, 2 * (kept_.size() + in.size())));
            std::memcpy(larger.writable(), kept_.data(), kept_.size());
            larger.keep(kept_.size());
            kept_ = std::move(larger).slice();
            kept_.extend(in);
        }
        in = std::move(kept_);
    }
    while (!in.empty()) {
        switch (state_) {
            case State::head:
                if (!read_head(in)) return;
                break;
            case State::collect:
            case State::stream: read_body(in); break;
            case State::answer: kept_ = std::move(in); return pause(true);
            case State::ended: return;
        }
    }
}

/// False: no more can be done with these bytes.
bool Connection::read_head(Slice& in) {
    auto& exchange = this->exchange();
    const auto end = parser_.parse(in.text(), exchange.parsing_head());
    if (!end) {
        refuse(end.error());
        return false;
    }
    if (*end == 0) {
        if (parser_.is_started() && !head_deadline_.is_armed())
            slot_->worker().arm(head_deadline_, context_->settings.head_time_max);
        // Few bytes must not hold a whole slab until the rest comes.
        kept_ = in.is_alone() ? std::move(in) : Slice::copy(in);
        return false;
    }
    head_deadline_.cancel();
    exchange.head_arrived(in.take(*end));
    has_more_ = !in.empty();
    ++context_->requests;
    dispatch();
    return true;
}

void Connection::dispatch() {
    auto& exchange = *exchange_;
    const auto& head = exchange.head();
    closes_ = is_draining_ || !head.keep_alive();
    state_ = State::answer;
    const bool has_body = head.has_body();
    if (has_body) {
        body_left_ = head.content_length().value_or(0);
        if (head.is_chunked()) chunked_ = std::make_unique<ChunkedReader>(context_->settings.limits);
    }
    const auto body = exchange.dispatch(*context_->router);
    if (state_ == State::ended) return;
    if (has_body && body != Exchange::Body::none && !exchange.is_finished()) {
        state_ = body == Exchange::Body::collect ? State::collect : State::stream;
        if (head.expects_continue() && !exchange.is_started()) out_.append(Bytes(go_on));
    }
    exchange.settle();
}

void Connection::read_body(Slice& in) {
    if (chunked_ != nullptr) return read_chunked(in);
    auto part = in.take(static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), body_left_)));
    body_left_ -= part.size();
    piece(std::move(part), body_left_ == 0);
}

void Connection::read_chunked(Slice& in) {
    const auto next = chunked_->next(in.text());
    if (!next) return refuse(next.error());
    auto taken = in.take(next->taken);
    const bool is_last = chunked_->is_complete();
    taken.drop(taken.size() - next->data.size());
    if (is_last) chunked_ = nullptr;
    piece(std::move(taken), is_last);
}

/// A piece of the body, maybe empty.
void Connection::piece(Slice slice, bool is_last) {
    body_bytes_ += slice.size();
    if (body_bytes_ > exchange_->body_bytes_max())
        return refuse(Error(core::Domain::http, 413, "the body is longer than this route takes"));
    if (is_last) body_bytes_ = 0;
    if (is_last && state_ == State::collect && collected_.empty()) {
        collected_ = std::move(slice);
    } else if (!slice.empty()) {
        if (state_ == State::collect)
            collect(slice);
        else
            exchange_->piece_arrived(std::move(slice));
    }
    if (!is_last || exchange_ == nullptr || state_ == State::ended) return;
    const auto before = std::exchange(state_, State::answer);
    if (before == State::collect)
        exchange_->body_arrived(std::move(collected_));
    else
        exchange_->end_arrived();
    exchange_->settle();
}

void Connection::collect(const Slice& slice) {
    if (!collected_.empty() && collected_.extend(slice)) return;
    auto larger = Buffer::room(std::max<std::size_t>(512, 2 * (collected_.size() + slice.size())));
    if (!collected_.empty()) std::memcpy(larger.writable(), collected_.data(), collected_.size());
    larger.keep(collected_.size());
    collected_ = std::move(larger).slice();
    collected_.extend(slice);
}

/// What cannot be read is answered and ends the connection.
void Connection::refuse(Error error) {
    if (state_ == State::ended) return;
    const bool is_begun = exchange_ != nullptr && exchange_->is_started();
    state_ = State::ended;
    if (exchange_ != nullptr) {
        exchange_->closed(error);
        slot_->worker().bury(std::exchange(exchange_, nullptr));
    }
    if (is_begun) return slot_->pipeline().abort(error);
    write_refusal(out_, slot_->worker(), error.code());
}

void Connection::Head::on_due() {
    const Loop loop(connection);
    connection.refuse(Error(core::Domain::http, 408, "the head took too long"));
}

void Connection::pause(bool is) {
    if (std::exchange(is_paused_, is) != is) slot_->window(is ? 0 : pipeline::no_window);
}

// The response.

void Connection::begin_response(Exchange& exchange, std::optional<std::uint64_t> body_bytes) {
    const auto& head = exchange.head();
    const auto status = exchange.response().status();
    if (head.has_body() && !exchange.has_ended_body()) closes_ = true;  // what is unread is not looked at
    bodiless_ = head.method() == Method::head || is_bodiless(status);
    chunks_response_ = !body_bytes && !bodiless_ && head.version_minor() > 0;
    if (!body_bytes && !bodiless_ && !chunks_response_) closes_ = true;
    ResponseFraming framing;
    framing.closes = closes_;
    framing.keeps_1_0 = head.version_minor() == 0 && !closes_;
    framing.is_chunked = chunks_response_;
    if (!is_bodiless(status)) framing.body_bytes = body_bytes;
    write_head(out_, slot_->worker(), exchange.response(), framing);
    if (loops_ == 0) flush();
}

void Connection::write_body(Exchange&, Chain chain) {
    if (bodiless_ || chain.empty()) return;
    if (chunks_response_) {
        std::array<char, 20> size;
        auto* end = std::to_chars(size.data(), size.data() + 16, chain.size(), 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        out_.append(Bytes(std::string_view(size.data(), end)));
        append(std::move(chain));
        out_.append(Bytes("\r\n"));
    } else {
        append(std::move(chain));
    }
    if (loops_ == 0) flush();
}

/// A small piece is copied behind what is there: then all of it is one slice, and goes by the cheaper system
/// call.
void Connection::append(Chain piece) {
    constexpr std::size_t copied_bytes_max = 1024;
    const auto bytes = piece.size();
    if (bytes > copied_bytes_max) return out_.append(std::move(piece));
    auto& outgoing = slot_->worker().outgoing();
    piece.copy_to(outgoing.room(bytes).data(), bytes);
    out_.append(outgoing.fill(bytes));
}

void Connection::end_response(Exchange&) {
    if (chunks_response_) out_.append(Bytes("0\r\n\r\n"));
    if (loops_ == 0) flush();
}

bool Connection::is_writable() const { return out_.size() < Pipeline::high_bytes && slot_->is_writable(); }

void Connection::ready_to_read(Exchange&, bool is) {
    if (state_ == State::stream) pause(!is);
}

void Connection::cut(Exchange&, Error error) {
    state_ = State::ended;
    is_ending_ = true;
    out_.clear();
    slot_->pipeline().abort(error);
}

Result<void> Connection::upgrade(Exchange& exchange, const std::function<void(Detached<TcpSocket>)>& then) {
    // Bytes behind the request would be read by two protocols.
    if (!kept_.empty() || has_more_ || exchange.head().has_body() || !out_.empty())
        return fail(Error::os(EPROTO, "bytes came behind the request"));
    auto* carrier = dynamic_cast<net::SocketCarrier*>(&slot_->pipeline().carrier());
    if (carrier == nullptr) return fail(Error::os(ENOTSUP, "not on a socket"));
    if (auto released = carrier->release(then); !released) return released;
    state_ = State::ended;
    is_ending_ = true;
    return {};
}

void Connection::settle_soon(Exchange&) { defer(slot_->worker()); }

void Connection::exchange_done(Exchange& exchange) {
    const bool is_whole = exchange.has_ended_body();
    release_exchange();
    cancel();
    chunked_ = nullptr;
    collected_ = {};
    body_bytes_ = 0;
    if (read_ended_) {
        state_ = State::ended;
        is_ending_ = true;
        if (loops_ == 0 || !out_.empty()) flush();
        return slot_->shutdown_done(pipeline::Direction::read);
    }
    if (closes_ || !is_whole) {
        state_ = State::ended;
        if (loops_ == 0) flush();
        return;
    }
    state_ = State::head;
    pause(false);
    if (loops_ > 0) return;
    if (!kept_.empty()) defer(slot_->worker());
    rest();
}

}  // namespace penstock::http
