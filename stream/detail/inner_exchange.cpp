// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/home.hpp>
#include <penstock/http/request_parser.hpp>
#include <penstock/stream/detail/inner_exchange.hpp>
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/encrypted_response.hpp>
#include <penstock/stream/hello.hpp>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <vector>

namespace penstock::stream {
namespace {

using crypto::Code;

constexpr http::Limits inner_limits;
constexpr Error other_length = crypto::error(Code::protocol, "the body is not as long as announced");
constexpr std::size_t unsealed_bytes_max = 64 * 1024;  // a response up to this size is sent whole

/// The inner head as the text that a request parser reads: its strictness comes free.
std::string head_text(const InnerRequest& request, bool has_body) {
    std::string out;
    out.append(request.method).append(" ").append(request.path);
    if (!request.query.empty()) out.append("?").append(request.query);
    out.append(" HTTP/1.1\r\nhost: inside\r\n");
    for (const auto& field : request.fields)
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    if (has_body) {
        if (request.body_bytes)
            out.append("content-length: ").append(std::to_string(*request.body_bytes)).append("\r\n");
        else
            out.append("transfer-encoding: chunked\r\n");
    }
    return out += "\r\n";
}

}  // namespace

InnerExchange::InnerExchange(http::Exchange& outer, const OpenedRequest& opened)
    : outer_(outer),
      worker_(outer.worker()),
      peer_(outer.peer()),
      sealer_(opened.response_key),
      response_salt_(opened.response_salt),
      n_(opened.n),
      plain_(opened.plain) {
    if (opened.node && opened.is_authenticated) peer_.node_id(*opened.node);
    outer_.response().set("content-type", "application/penstock-res");
    outer_.response().set("cache-control", "no-store");
    outer_.on_room(this);
}

InnerExchange::~InnerExchange() {
    outer_.on_room(nullptr);
    if (exchange_ == nullptr) return;
    exchange_->closed(Error::os(ECONNRESET, "the client left"));
    worker_.bury(std::move(exchange_));
}

Result<void> InnerExchange::begin(http::Router& router, bool is_streaming, bool is_final) {
    const auto request = parse_inner_request(plain_, is_streaming);
    if (!request) return fail(request);
    body_left_ = request->body_bytes;
    const auto here = plain_.size() - request->head_bytes;
    if (body_left_ && (here > *body_left_ || (is_final && here < *body_left_))) return fail(other_length);
    const bool has_body = request->body_bytes.value_or(1) > 0;
    const auto text = head_text(*request, has_body);
    exchange_ = std::make_unique<http::Exchange>(worker_);
    exchange_->open(*this);
    http::RequestParser parser(inner_limits);
    const auto parsed = parser.parse(text, exchange_->parsing_head());
    if (!parsed || *parsed != text.size())
        return fail(crypto::error(Code::protocol, "the inner head is not a request"));
    exchange_->head_arrived(Slice::copy(text));
    collects_ = exchange_->dispatch(router) == http::Exchange::Body::collect;
    if (!has_body) body_ended_ = true;
    exchange_->settle();
    plain_ = plain_.from(request->head_bytes);
    return {};
}

Result<void> InnerExchange::body(Bytes piece, bool is_final) {
    if (body_left_) {
        if (piece.size() > *body_left_ || (is_final && piece.size() < *body_left_)) return fail(other_length);
        *body_left_ -= piece.size();
    }
    if (is_done_ || exchange_->is_finished()) return {};
    if (collects_) {
        if (collected_.size() + piece.size() > exchange_->body_bytes_max()) {
            exchange_->fail(413);
            exchange_->settle();
            return {};
        }
        collected_ += piece.text();
    } else if (!piece.empty() && !body_ended_) {
        exchange_->piece_arrived(Slice::copy(piece));
    }
    if (is_final && !std::exchange(body_ended_, true)) {
        if (collects_)
            exchange_->body_arrived(Slice::copy(std::exchange(collected_, {})));
        else
            exchange_->end_arrived();
    }
    exchange_->settle();
    return {};
}

Awaitable<bool> InnerExchange::progress() {
    if (is_done_) return Awaitable<bool>(true);
    return Awaitable<bool>(progress_);
}

// The response.

void InnerExchange::begin_inner(int status, const http::ResponseHead& head,
                                std::optional<std::uint64_t> body_bytes) {
    std::vector<InnerField> fields;
    std::vector<std::string> names;  // inner names are lower case
    auto rest = head.fields();
    names.reserve(static_cast<std::size_t>(std::ranges::count(rest, '\n')));
    while (!rest.empty()) {
        const auto colon = rest.find(": "), end = rest.find("\r\n");
        auto& name = names.emplace_back(rest.substr(0, colon));
        std::ranges::transform(name, name.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        fields.push_back({name, rest.substr(colon + 2, end - colon - 2)});
        if (!is_inner_field(fields.back())) fields.pop_back();
        rest.remove_prefix(end + 2);
    }
    is_streaming_response_ = !body_bytes;
    std::string text;
    if (!append_inner_response(text, static_cast<std::uint16_t>(status), fields, body_bytes)) {
        text.clear();  // too many fields: the status still arrives
        std::ignore = append_inner_response(text, 500, {}, body_bytes);
    }
    out_.append(Bytes(text));
}

void InnerExchange::begin_response(http::Exchange& exchange, std::optional<std::uint64_t> body_bytes) {
    const bool bodiless = exchange.method() == http::Method::head;
    begin_inner(exchange.response().status(), exchange.response(),
                bodiless ? std::optional<std::uint64_t>(0) : body_bytes);
}

void InnerExchange::write_body(http::Exchange& exchange, Chain piece) {
    if (exchange.method() == http::Method::head) return;
    out_.append(std::move(piece));
    seal(unsealed_bytes_max);
}

void InnerExchange::end_response(http::Exchange&) {
    seal(message_plain_bytes_max);
    seal_record(out_.size(), true);
    if (is_outer_started_) {
        std::ignore = outer_.write(std::move(sealed_));
        outer_.finish();
    } else {
        outer_.send(200, std::move(sealed_));
    }
}

/// Seals whole records while more than `least` is held, and begins the outer response with them.
void InnerExchange::seal(std::size_t least) {
    if (out_.size() <= least) return;
    while (out_.size() > message_plain_bytes_max) seal_record(message_plain_bytes_max, false);
    if (least < unsealed_bytes_max) return;
    if (!std::exchange(is_outer_started_, true)) outer_.start(200);
    std::ignore = outer_.write(std::move(sealed_));
}

void InnerExchange::seal_record(std::size_t bytes, bool is_final) {
    auto& filler = worker_.outgoing();
    const auto prefix_bytes = has_prefix_ ? 0 : response_prefix_bytes;
    const auto room = filler.room(prefix_bytes + 2 + bytes + 16);
    if (!std::exchange(has_prefix_, true))
        write_response_prefix({.n = n_, .salt = response_salt_, .is_streaming = is_streaming_response_},
                              room);
    auto* plain = room.data() + prefix_bytes + 2;
    out_.copy_to(plain, bytes);
    out_.drop(bytes);
    const auto filled =
        sealer_.seal(worker_.local<CryptoTools>().ciphers, prefix_bytes, Bytes(plain, bytes), is_final, room);
    sealed_.append(filler.fill(filled));
}

void InnerExchange::refuse(Code code) {
    std::string body;
    append_error_body(body, {.code = code, .text = crypto::name(code)});
    http::ResponseHead head;
    begin_inner(403, head, body.size());
    reply(Bytes(body));
}

void InnerExchange::reply(Bytes inner) {
    out_.append(inner);
    while (out_.size() > message_plain_bytes_max) seal_record(message_plain_bytes_max, false);
    seal_record(out_.size(), true);
    outer_.send(200, std::move(sealed_));
    is_done_ = true;
}

bool InnerExchange::is_writable() const {
    return out_.size() <= unsealed_bytes_max && (!is_outer_started_ || outer_.is_writable());
}

void InnerExchange::ready_to_read(http::Exchange&, bool is) {
    if (is) progress_.give(true);
}

void InnerExchange::cut(http::Exchange&, Error error) { outer_.fail(500, error); }

void InnerExchange::settle_soon(http::Exchange&) { defer(worker_); }

void InnerExchange::on_deferred() {
    if (exchange_ == nullptr || is_done_) return;
    exchange_->settle();
    if (!is_done_) exchange_->writable_again();
}

void InnerExchange::exchange_done(http::Exchange&) {
    is_done_ = true;
    progress_.give(true);
}

}  // namespace penstock::stream
