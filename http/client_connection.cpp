// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/version.hpp>
#include <penstock/http/client_connection.hpp>
#include <penstock/http/detail/characters.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock::http {
namespace {

constexpr Error bad_response(const char* text) { return {core::Domain::http, 502, text}; }

/// Fields that this connection writes itself, or that it doesn't do.
bool is_ours(std::string_view name, bool upgrades) {
    constexpr std::array<std::string_view, 9> ours{"connection", "content-length",   "transfer-encoding",
                                                   "te",         "trailer",          "keep-alive",
                                                   "expect",     "proxy-connection", "upgrade"};
    return std::ranges::any_of(ours.begin(), ours.end() - (upgrades ? 1 : 0),
                               [&](std::string_view one) { return detail::equal_ignoring_case(one, name); });
}

/// Appends in place where there is room, else in a block of at least twice the size.
void append(Slice& whole, Bytes more) {
    if (!whole.empty() && whole.extend(more)) return;
    constexpr std::size_t least = 512;
    auto larger = Buffer::room(std::max(least, 2 * (whole.size() + more.size())));
    if (!whole.empty()) std::memcpy(larger.writable(), whole.data(), whole.size());
    std::memcpy(larger.writable() + whole.size(), more.data(), more.size());
    larger.keep(whole.size() + more.size());
    whole = std::move(larger).slice();
}

}  // namespace

ClientConnection::ClientConnection(const ReplyLimits& limits) : limits_(limits), parser_(limits_.limits) {}

ClientConnection::~ClientConnection() {
    if (state_ == State::ended) return;
    end();
    answer(fail(Error::os(ECONNABORTED, "the connection ended")));
}

// The request.

void ClientConnection::send(std::shared_ptr<const Request> request, const Target& target, Then then) {
    then_ = std::move(then);
    begin(std::move(request), target);
}

void ClientConnection::upgrade(std::shared_ptr<const Request> request, const Target& target, Upgraded then) {
    upgraded_ = std::move(then);
    begin(std::move(request), target);
}

void ClientConnection::begin(std::shared_ptr<const Request> request, const Target& target) {
    PENSTOCK_ASSERT(is_idle() && slot_ != nullptr);
    request_ = std::move(request);
    written_ = 0;
    interims_ = 0;
    has_answered_ = false;
    state_ = State::head;
    write_head(target);
    write_body();
}

void ClientConnection::write_head(const Target& target) {
    const auto& request = *request_;
    const bool upgrades = static_cast<bool>(upgraded_);
    std::string head(name(request.method()));
    auto line = [&head](std::string_view key, std::string_view value) {
        head.append(key).append(": ").append(value).append("\r\n");
    };
    head.append(" ").append(target.target).append(" HTTP/1.1\r\n");
    if (request.header("host").empty()) line("host", target.host);
    if (request.header("user-agent").empty()) line("user-agent", std::string("penstock/") + core::version());
    if (upgrades) line("connection", "upgrade");
    for (const auto& [key, value] : request.fields())
        if (!is_ours(key, upgrades)) line(key, value);
    const auto method = request.method();
    if (!request.body().empty() || method == Method::post || method == Method::put || method == Method::patch)
        line("content-length", std::to_string(request.body().size()));
    head.append("\r\n");
    Chain chain;
    chain.append(Bytes(head));
    slot_->write({std::move(chain), {}});
}

/// As much as there is room for; the rest goes by on_writable.
void ClientConnection::write_body() {
    constexpr std::size_t piece_bytes_max = 64 * 1024;
    const auto body = request_->body();
    while (written_ < body.size() && slot_->is_writable()) {
        const auto piece = body.from(written_).first(std::min(piece_bytes_max, body.size() - written_));
        written_ += piece.size();
        Chain chain;
        chain.append(piece);
        slot_->write({std::move(chain), {}});
    }
}

void ClientConnection::on_writable(pipeline::Slot&) {
    if (state_ == State::head || state_ == State::body) write_body();
}

// The response.

void ClientConnection::on_read(pipeline::Slot&, Slice slice) {
    if (state_ == State::idle) return break_off(bad_response("bytes that nobody has asked for"));
    if (state_ == State::ended) return;
    has_answered_ = true;
    read(std::move(slice));
}

void ClientConnection::read(Slice in) {
    if (!kept_.empty()) {
        append(kept_, in);
        in = std::move(kept_);
    }
    while (state_ == State::head && !in.empty())
        if (!read_head(in)) return;
    while (state_ == State::body && !in.empty()) read_body(in);
}

/// False: no more can be done with these bytes.
bool ClientConnection::read_head(Slice& in) {
    const auto end = parser_.parse(in.text(), request_->method(), head_);
    if (!end) {
        break_off(end.error());
        return false;
    }
    if (*end == 0) {
        // Few bytes must not hold a whole slab until the rest comes.
        kept_ = in.is_alone() ? std::move(in) : Slice::copy(in);
        return false;
    }
    const auto bytes = in.take(*end);  // what the head's views lie in
    head_arrived(in);
    return true;
}

void ClientConnection::head_arrived(Slice& in) {
    if (head_.status() == 101) {
        if (upgraded_) return switch_over(std::move(in));
        return refuse("101 to a request that did not ask to upgrade");
    }
    if (head_.is_interim()) {
        if (++interims_ > limits_.interim_max) refuse("too many interim responses");
        return;
    }
    response_ = take_head();
    state_ = State::body;
    body_left_ = 0;
    switch (head_.body()) {
        case ReplyBody::none: return complete(in.empty());
        case ReplyBody::chunked: chunked_.emplace(limits_.limits); return;
        case ReplyBody::until_close: return;
        case ReplyBody::length: break;
    }
    body_left_ = *head_.content_length();
    if (body_left_ > limits_.body_bytes_max) return refuse("the body is longer than the limit");
    if (body_left_ == 0) complete(in.empty());
}

Response ClientConnection::take_head() {
    Response out(head_.status());
    for (const auto field : head_.fields()) out.fields().add(field.name, field.value);
    return out;
}

void ClientConnection::read_body(Slice& in) {
    if (chunked_) {
        const auto piece = chunked_->next(in.text());
        if (!piece) return break_off(piece.error());
        if (!collect(piece->data)) return;
        in.drop(piece->taken);
        if (chunked_->is_complete()) complete(in.empty());
        return;
    }
    const bool has_length = head_.body() == ReplyBody::length;
    const auto part = in.take(has_length ? std::min<std::uint64_t>(in.size(), body_left_) : in.size());
    if (!collect(part) || !has_length) return;
    body_left_ -= part.size();
    if (body_left_ == 0) complete(in.empty());
}

bool ClientConnection::collect(Bytes piece) {
    if (collected_.size() + piece.size() > limits_.body_bytes_max) {
        refuse("the body is longer than the limit");
        return false;
    }
    if (!piece.empty()) append(collected_, piece);
    return true;
}

/// `is_alone`: nothing came behind it. What did would be taken for the answer to the next request.
void ClientConnection::complete(bool is_alone) {
    const bool is_sent = written_ == request_->body().size();
    const bool goes_on = is_alone && is_sent && head_.keep_alive() && !upgraded_ && !is_draining_ &&
                         !slot_->pipeline().is_ending();
    auto response = std::move(*response_);
    response.body(std::move(collected_).own());
    if (goes_on) {
        response_.reset();
        chunked_.reset();
        collected_ = {};
        state_ = State::idle;
    } else {
        end();
        slot_->shut_down({});
    }
    answer(std::move(response));
}

void ClientConnection::switch_over(Slice behind) {
    auto& slot = *slot_;
    end();
    auto upgraded = std::exchange(upgraded_, {});
    auto next = upgraded(take_head());
    if (next == nullptr) return slot.shut_down({});
    slot.pipeline().replace(slot, std::move(next));  // this lives until the end of the turn
    if (!behind.empty()) slot.handler().on_read(slot, std::move(behind));
}

// The end.

void ClientConnection::refuse(const char* text) { break_off(bad_response(text)); }

void ClientConnection::break_off(Error error) {
    end();
    slot_->pipeline().abort(error);
    answer(fail(error));
}

void ClientConnection::end() {
    state_ = State::ended;
    auto call = std::exchange(on_ended_, {});
    if (call) call();
}

/// The last thing that is done: more requests may be sent inside.
void ClientConnection::answer(Result<Response> result) {
    request_ = nullptr;
    auto then = std::exchange(then_, {});
    auto upgraded = std::exchange(upgraded_, {});
    if (then) return then(std::move(result));
    if (upgraded) static_cast<void>(upgraded(std::move(result)));
}

void ClientConnection::abandon() {
    then_ = {};
    upgraded_ = {};
    on_ended_ = {};
    if (std::exchange(state_, State::ended) != State::ended) slot_->pipeline().abort();
}

void ClientConnection::on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error error) {
    const auto before = state_;
    if (before != State::ended) {
        const bool is_whole = before == State::body && !error && head_.body() == ReplyBody::until_close;
        if (is_whole) {
            complete(false);
        } else {
            end();
            const auto* text = has_answered_ ? "the connection ended inside the response"
                                             : "the connection ended without a response";
            answer(fail(error ? error : bad_response(text)));
        }
    }
    slot.shutdown_done(direction);
}

void ClientConnection::on_drain(pipeline::Slot& slot) {
    is_draining_ = true;
    if (state_ == State::idle) slot.pipeline().close();
}

}  // namespace penstock::http
