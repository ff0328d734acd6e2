// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/json.hpp>
#include <penstock/http/exchange.hpp>
#include <penstock/http/path.hpp>
#include <penstock/http/router.hpp>
#include <penstock/http/status.hpp>

#include <cerrno>
#include <utility>

namespace penstock::http {
namespace {

constexpr std::size_t pieces_bytes_max = 64 * 1024;  // of a body that a coroutine has not read yet

/// Where this worker's exchange ids come from.
struct Ids {
    explicit Ids(Worker& worker) : next(worker.random().word()) {}
    std::uint64_t next;
};

}  // namespace

void Handler::on_end(Exchange& exchange) { exchange.start(); }
void Handler::on_writable(Exchange& exchange) { exchange.finish(); }

Exchange::~Exchange() {
    if (place_ != 0) worker_.handles().remove(place_);
}

Remote<Exchange> Exchange::remote() {
    if (place_ == 0) place_ = worker_.handles().add(this).place;
    return worker_.remote_to<Exchange>({place_, worker_.handles().generation(place_)});
}

std::string_view Exchange::id() const {
    if (id_[0] == '\0') {
        constexpr std::string_view digits = "0123456789abcdef";
        auto number = worker_.local<Ids>().next++ * 0x9E3779B97F4A7C15;  // odd: no two are equal
        for (char& c : id_) {
            c = digits[number & 15];
            number >>= 4;
        }
    }
    return {id_.data(), id_.size()};
}

// The request.

std::string_view Exchange::decoded(std::string_view raw, bool plus) const {
    const auto out = percent_decode(raw, text_room_, plus ? Plus::space : Plus::literal);
    if (!out) return {};
    if (out->data() == raw.data()) return raw;
    decoded_.emplace_back(*out);
    return decoded_.back();
}

std::string_view Exchange::param(std::string_view name) const {
    const auto raw = match_.parameter(name);
    return raw.find('%') == std::string_view::npos ? raw : decoded(raw, false);
}

std::string_view Exchange::query(std::string_view name) const {
    const auto raw = query_value(head_.query(), name);
    return raw ? decoded(*raw, true) : std::string_view();
}

Request Exchange::request() const {
    Request out(method(), head_.target());
    for (const auto field : head_.fields()) out.fields().add(field.name, field.value);
    for (std::size_t i = 0; i < match_.parameter_count(); ++i) {
        const auto name = match_.parameter_name(i);
        out.param(std::string(name), std::string(param(name)));
    }
    out.body(Buffer::copy(body_));
    return out;
}

// The response.

void Exchange::begin(std::optional<std::uint64_t> body_bytes) {
    is_started_ = true;
    left_to_write_ = body_bytes;
    if (handler_ != nullptr) handler_->on_response(*this, response_);
    source_->begin_response(*this, body_bytes);
}

void Exchange::plain_type() {
    if (response_.has("content-type")) return;
    response_.add_lines("content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n");
}

void Exchange::send(int status, Chain body) {
    if (is_started_ || !is_open()) return;
    response_.status(status);
    begin(body.size());
    left_to_write_.reset();
    source_->write_body(*this, std::move(body));
    finish();
}

void Exchange::send(Response response) {
    if (is_started_) return;
    for (const auto& [name, value] : response.fields()) response_.add(name, value);
    if (response.error() && response.status() >= 500)
        worker_.log().warn("request failed", {"exchange", id()}, {"status", response.status()},
                           {"error", response.error()});
    send(response.status(), Chain(response.take_body().slice()));
}

void Exchange::json(int status, std::initializer_list<Field> fields) {
    if (is_started_) return;
    response_.set("content-type", "application/json");
    Chain body;
    body.append(Bytes(core::json_object(fields)));
    send(status, std::move(body));
}

void Exchange::fail(int status, Error error) {
    if (!is_open() || is_finished_) return;
    if (is_started_) {
        worker_.log().warn("response cut", {"exchange", id()}, {"error", error});
        is_cut_ = true;
        error_ = error;
        source_->cut(*this, error);
        return;
    }
    send(Response::problem(status, error));
}

void Exchange::start(int status) {
    if (is_started_ || !is_open()) return;
    response_.status(status);
    begin({});
    source_->settle_soon(*this);
}

void Exchange::start(int status, std::uint64_t body_bytes) {
    if (is_started_ || !is_open()) return;
    response_.status(status);
    begin(body_bytes);
    source_->settle_soon(*this);
}

Sent Exchange::write(Chain chain) {
    if (!is_open() || is_finished_) return Sent::closed;
    if (!is_started_) start();
    if (left_to_write_) {
        if (chain.size() > *left_to_write_) return Sent::too_big;
        *left_to_write_ -= chain.size();
    }
    if (!chain.empty()) source_->write_body(*this, std::move(chain));
    return source_->is_writable() ? Sent::more : Sent::wait;
}

void Exchange::finish() {
    if (!is_open() || is_finished_) return;
    if (!is_started_) return send(response_.status(), Chain());
    if (left_to_write_.value_or(0) > 0)
        return fail(500, Error::os(EPROTO, "less was written than announced"));
    is_finished_ = true;
    source_->end_response(*this);
    source_->settle_soon(*this);
}

Result<void> Exchange::upgrade(const std::function<void(Detached<TcpSocket>)>& then) {
    if (is_started_ || !is_open()) return penstock::fail(Error::os(EALREADY, "the request was answered"));
    if (auto handed = source_->upgrade(*this, then); !handed) return handed;
    is_started_ = is_cut_ = true;
    return {};
}

void Exchange::ready_to_read(bool is) {
    if (wants_body_ == is || !is_open()) return;
    wants_body_ = is;
    source_->ready_to_read(*this, is);
    if (is) source_->settle_soon(*this);
}

void Exchange::ready_to_write(bool is) {
    wants_write_ = is;
    if (is && is_open()) source_->settle_soon(*this);
}

Awaitable<std::optional<Slice>> Exchange::read() {
    if (!pieces_.empty()) {
        auto piece = pieces_.take(pieces_.front().size());
        if (pieces_.size() <= pieces_bytes_max / 2) ready_to_read(true);
        return Awaitable<std::optional<Slice>>(std::optional<Slice>(std::move(piece)));
    }
    if (body_ended_ || !is_open()) return Awaitable<std::optional<Slice>>(std::optional<Slice>());
    ready_to_read(true);
    return Awaitable<std::optional<Slice>>(reader_);
}

Awaitable<bool> Exchange::writable() {
    if (!is_open()) return Awaitable<bool>(false);
    if (source_->is_writable()) return Awaitable<bool>(true);
    return Awaitable<bool>(writer_);
}

// What its source tells.

void Exchange::head_arrived(Slice bytes) {
    head_bytes_ = std::move(bytes);
    head_.rebase(reinterpret_cast<const char*>(head_bytes_.data()));
}

Exchange::Body Exchange::dispatch(Router& router) {
    body_ended_ = !head_.has_body();
    if (head_.form() == TargetForm::asterisk || head_.form() == TargetForm::authority) {
        path_ = head_.target();
    } else {
        const auto path = normalize_path(head_.path(), path_room_);
        if (!path) {
            fail(400, path.error());
            return Body::none;
        }
        path_ = *path;
    }
    route_ = router.find(*this);
    if (route_ == nullptr) return Body::none;  // find has answered
    body_bytes_max_ = route_->body_bytes_max;
    if (head_.content_length().value_or(0) > body_bytes_max_) {
        fail(413, Error(core::Domain::http, 413, "the body is longer than this route takes"));
        return Body::none;
    }
    if (!route_->streams && !body_ended_) return Body::collect;
    run_route();
    return Body::stream;
}

template <class F>
void Exchange::guarded(F f) {
    ++running_;
    try {
        f();
    } catch (...) {
        threw();
    }
    --running_;
}

void Exchange::threw() {
    worker_.caught("http handler");
    fail(500, Error::os(EFAULT, "the handler threw"));
}

void Exchange::run_route() {
    guarded([&] {
        if (const auto* plain = std::get_if<RouteEntry::PlainCall>(&route_->call)) {
            (*plain)(*this);
            if (!is_started_) fail(500, Error::os(EPROTO, "the handler returned without an answer"));
        } else if (const auto* coroutine = std::get_if<RouteEntry::CoroutineCall>(&route_->call)) {
            task_.start((*coroutine)(*this));
        } else if (const auto* simple = std::get_if<RouteEntry::SimpleCall>(&route_->call)) {
            auto* processor = worker_.find_local<proc::Processor>();
            if (processor == nullptr) return fail(500, Error::os(ENOTSUP, "no Processor was lent"));
            const auto posted = simple->post(*this, *processor);
            if (posted != Posted::ok) fail(503, proc::error(posted));
        } else {
            handler_ = std::get<RouteEntry::FactoryCall>(route_->call)(*this);
            if (handler_ == nullptr) return fail(500, Error::os(EPROTO, "the factory made no handler"));
            handler_->on_request(*this);
        }
    });
}

void Exchange::RouteTask::on_finished(std::exception_ptr thrown) {
    if (thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (...) {
            return exchange.threw();
        }
    }
    if (!exchange.is_open() || exchange.is_finished_) return;
    if (exchange.is_started_) return exchange.finish();
    exchange.fail(500, Error::os(EPROTO, "the handler returned without an answer"));
}

void Exchange::body_arrived(Slice body) {
    body_ = std::move(body);
    body_ended_ = true;
    run_route();
}

void Exchange::piece_arrived(Slice piece) {
    pieces_.append(std::move(piece));
    give_piece();
}

void Exchange::end_arrived() {
    body_ended_ = true;
    give_piece();
}

void Exchange::give_piece() {
    if (is_finished_ || is_cut_) return pieces_.clear();
    if (handler_ != nullptr) {
        while (!pieces_.empty() && wants_body_ && !is_finished_ && !is_cut_)
            guarded([&] { handler_->on_body(*this, pieces_.take(pieces_.front().size())); });
        if (body_ended_ && pieces_.empty() && !end_told_ && !is_finished_ && !is_cut_) {
            end_told_ = true;
            guarded([&] { handler_->on_end(*this); });
        }
        return;
    }
    if (reader_.is_awaited()) {
        if (!pieces_.empty())
            reader_.give(std::optional<Slice>(pieces_.take(pieces_.front().size())));
        else if (body_ended_)
            reader_.give(std::optional<Slice>());
    }
    if (pieces_.size() > pieces_bytes_max) ready_to_read(false);
}

void Exchange::writable_again() {
    if (source_ == nullptr || !source_->is_writable()) return;
    writer_.give(true);
    if (room_listener_ != nullptr) room_listener_->defer(worker_);
    settle();
}

void Exchange::settle() {
    if (running_ > 0 || source_ == nullptr || is_closed_) return;
    if (!is_finished_ && !is_cut_) {
        give_piece();
        if (handler_ != nullptr && is_started_ && !is_finished_ && !is_cut_ && wants_write_ &&
            source_->is_writable()) {
            guarded([&] { handler_->on_writable(*this); });
            if (!is_finished_ && !is_cut_ && wants_write_ && source_->is_writable())
                source_->settle_soon(*this);
        }
    }
    if (!is_finished_) return;
    closed(Error());
    source_->exchange_done(*this);
}

void Exchange::closed(Error error) {
    if (std::exchange(is_closed_, true)) return;
    if (!is_finished_) is_cut_ = true;
    task_.destroy();
    if (handler_ == nullptr) return;
    guarded([&] { handler_->on_closed(*this, error_ ? error_ : error); });
    worker_.bury(std::move(handler_));
}

void Exchange::clear() {
    if (place_ != 0) worker_.handles().remove(std::exchange(place_, 0));
    head_.clear();
    head_bytes_ = {};
    path_ = {};
    decoded_.clear();
    id_[0] = '\0';
    match_ = {};
    route_ = nullptr;
    router_ = nullptr;
    body_ = {};
    pieces_.clear();
    response_.clear();
    left_to_write_.reset();
    room_listener_ = nullptr;
    error_ = {};
    body_bytes_max_ = 0;
    is_started_ = is_finished_ = is_cut_ = is_closed_ = false;
    body_ended_ = end_told_ = false;
    wants_body_ = wants_write_ = true;
    source_ = nullptr;
}

}  // namespace penstock::http
