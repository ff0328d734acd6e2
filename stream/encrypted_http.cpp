// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/attach.hpp>
#include <penstock/stream/detail/incoming_message.hpp>
#include <penstock/stream/detail/inner_exchange.hpp>
#include <penstock/stream/encrypted_http.hpp>
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/encrypted_response.hpp>
#include <penstock/stream/hello.hpp>
#include <penstock/stream/session_keys.hpp>
#include <penstock/stream/session_table.hpp>
#include <penstock/stream/stream_ctl.hpp>

#include <algorithm>

namespace penstock::stream {

using crypto::Code;
using crypto::error;

namespace {

constexpr std::chrono::milliseconds ping_time_min = 1s;  // nobody is asked to ping faster

/// What is not of the protocol comes from another worker, which is full or has stopped.
Code code_in(const Error& error) {
    return error.domain() == core::Domain::stream ? static_cast<Code>(error.code()) : Code::overload;
}

/// Encrypted requests are not nested, whatever the paths are called.
constexpr Error inside = error(Code::protocol, "a path of the protocol inside an encrypted request");

}  // namespace

EncryptedHttp::EncryptedHttp(Worker& worker, unsigned workers, std::shared_ptr<http::Router> inner,
                             ServiceSettings settings)
    : worker_(worker),
      settings_(std::move(settings)),
      inner_(std::move(inner)),
      keys_(worker, workers, settings_),
      handshakes_(settings_.handshakes_per_second, settings_.handshake_burst) {}

void EncryptedHttp::add_to(http::Router& router) {
    router
        .on(http::Method::post, settings_.enc_init_path,
            [this](http::Exchange& exchange) { shake_hands(exchange); })
        .body_bytes_max(client_hello_bytes_max);
    router.get(settings_.stream_path + "/{id}",
               [this](http::Exchange& exchange) { return attach(exchange); });
    router.stream(http::Method::post, settings_.enc_path,
                  [this](http::Exchange& exchange) { return serve(exchange); });
}

/// In clear: a hint, which nobody believes.
void EncryptedHttp::tell(http::Exchange& exchange, Error refused) {
    const auto code = code_in(refused);
    std::string body;
    append_error_body(body,
                      {.code = code, .text = code == Code::version ? versions_text() : crypto::name(code)});
    exchange.response().set("content-type", "application/penstock-hs");
    exchange.response().set("cache-control", "no-store");
    if (code == Code::rate_limited || code == Code::overload) exchange.response().set("retry-after", "1");
    Chain chain;
    chain.append(Bytes(body));
    exchange.send(exchange.is_encrypted() ? 403 : http_status(code), std::move(chain));
}

void EncryptedHttp::refuse(http::Exchange& exchange, Error refused) {
    counters_.requests_refused.add(1);
    tell(exchange, refused);
}

void EncryptedHttp::shake_hands(http::Exchange& exchange) {
    const auto refused = [&](Error why) {
        counters_.handshakes_refused.add(1);
        tell(exchange, why);
    };
    if (exchange.is_encrypted()) return refused(inside);
    const auto& address = exchange.peer().address();
    // All that costs little comes first.
    if (!handshakes_.take(address, worker_.now())) return refused(error(Code::rate_limited));
    if (const auto admitted = keys_.admits(address); !admitted) return refused(admitted.error());
    const TimeSpent spent(keys_.handshake_time(), worker_.clock());
    const auto& keys = worker_.local<const NodeKeys>();
    auto& algorithms = worker_.local<CryptoTools>().algorithms;
    ServerHandshake handshake(algorithms, {.static_key = &keys.identity->static_key(),
                                           .certificate = &keys.certificate,
                                           .network_keys = keys.network_keys});
    if (const auto read = handshake.read(exchange.body()); !read) return refused(read.error());
    KeyTerms terms;
    terms.key_id = keys_.new_id();
    terms.idle = std::chrono::duration_cast<std::chrono::seconds>(settings_.key_idle_max);
    terms.life = std::chrono::duration_cast<std::chrono::seconds>(settings_.key_life_max);
    terms.certificate_for_everything = settings_.certificate_for_everything;
    auto answer = handshake.answer(worker_.random(), terms);
    if (!answer) return refused(answer.error());
    if (auto added = keys_.add(terms.key_id, std::move(answer->fresh), address); !added)
        return refused(added.error());
    counters_.handshakes.add(1);
    exchange.response().set("content-type", "application/penstock-hs");
    exchange.response().set("cache-control", "no-store");
    Chain body;
    body.append(Bytes(answer->body));
    exchange.send(200, std::move(body));
}

/// Runs f here, or on another worker.
template <class F, class... A>
Task<std::invoke_result_t<F&, Worker&, A...>> EncryptedHttp::at_worker(unsigned index, F f, A... args) {
    if (index == worker_.index()) co_return f(worker_, std::move(args)...);
    co_return co_await worker_.reactor().worker(index).call(f, std::move(args)...);
}

Result<OpenedRequest> EncryptedHttp::open_here(Worker& worker, Buffer message, Behind behind) {
    return worker.local<EncryptedHttp>().keys_.open(message, behind, worker.local<const NodeKeys>());
}

Task<> EncryptedHttp::serve(http::Exchange& exchange) {
    if (exchange.is_encrypted()) co_return refuse(exchange, inside);
    IncomingMessage incoming(exchange);
    auto first = co_await incoming.first();
    if (!first) co_return refuse(exchange, first.error());
    const auto prefix = parse_request_prefix(first->message);
    if (!prefix) co_return refuse(exchange, prefix.error());
    const bool is_streaming = prefix->is_streaming;
    auto opened =
        co_await at_worker(keys_.owner(prefix->key_id), open_here, std::move(first->message), first->behind);
    if (!opened) co_return refuse(exchange, opened.error());
    if (opened->is_final && !co_await incoming.ends(first->behind))
        co_return refuse(exchange, IncomingMessage::goes_on);

    InnerExchange inner(exchange, *opened);
    if (opened->refused != Code::no_error) {
        counters_.requests_refused.add(1);
        co_return inner.refuse(opened->refused);
    }
    counters_.requests.add(1);
    if (const auto head = parse_inner_request(opened->plain, is_streaming);
        head && head->path == settings_.stream_ctl_path) {
        const auto body = Bytes(opened->plain).from(head->head_bytes);
        if (head->method != "POST" || !opened->is_final ||
            head->body_bytes.value_or(body.size()) != body.size())
            co_return inner.refuse(Code::protocol);
        co_return co_await control(inner, *opened, body);
    }
    if (auto begun = inner.begin(*inner_, is_streaming, opened->is_final); !begun)
        co_return inner.refuse(Code::protocol);
    // In clear, unless a part of the answer has left.
    const auto broken = [&](const Error& why) {
        return exchange.is_started() ? exchange.fail(400, why) : refuse(exchange, why);
    };
    // The body: what is left of record 0, then record by record, with keys that came along.
    auto fits = inner.body(inner.body_of_first(), opened->is_final);
    MessageOpener opener(opened->request_key, 1);
    bool is_final = opened->is_final;
    Buffer room;
    while (fits && !is_final && !inner.is_done()) {
        while (!inner.wants_body() && !inner.is_done()) co_await inner.progress();
        if (inner.is_done()) co_return;
        const auto record = co_await incoming.next();
        if (!record) co_return broken(record.error());
        if (room.empty()) room = Buffer::room(message_record_bytes_max);
        const auto part = opener.open(worker_.local<CryptoTools>().ciphers, 0, record->message,
                                      record->behind, std::span(room.writable(), room.size()));
        if (!part) co_return broken(part.error());
        is_final = part->is_final;
        if (is_final && !co_await incoming.ends(record->behind)) co_return broken(IncomingMessage::goes_on);
        fits = inner.body(Bytes(part->plain), is_final);
    }
    if (!fits) co_return broken(fits.error());
    while (!inner.is_done()) co_await inner.progress();
}

namespace {

Result<void> add_session(Worker& worker, const AgreedSession& agreed) {
    return worker.local<SessionTable>().add(agreed);
}

Result<Code> ask_session(Worker& worker, RoutedId id, NodeId node) {
    const auto* sessions = worker.find_local<SessionTable>();
    return sessions != nullptr && sessions->is_of(id, node) ? Code::no_error : Code::no_session;
}

Result<Code> close_session(Worker& worker, RoutedId id, NodeId node) {
    auto* sessions = worker.find_local<SessionTable>();
    if (sessions == nullptr || !sessions->is_of(id, node)) return Code::no_session;
    sessions->close(id);
    return Code::no_error;
}

Result<SessionTable::Attached> attach_session(Worker& worker, RoutedId id, AttachField field) {
    auto* sessions = worker.find_local<SessionTable>();
    if (sessions == nullptr) return fail(error(Code::no_session));
    return sessions->attach(id, field.sequence, field.message);
}

void begin_session(Worker& worker, RoutedId id, std::uint32_t sequence,
                   const SessionTable::Attached& attached, Detached<TcpSocket> socket) {
    worker.local<SessionTable>().begin(id, sequence, attached, std::move(socket));
}

/// A whole inner response: 200 with this body.
std::string inner_reply(Bytes body) {
    std::string out;
    const auto written = append_inner_response(out, 200, {}, body.size());
    PENSTOCK_ASSERT(written.has_value());
    return out.append(body.text());
}

std::string status_reply(Code code) {
    std::string body;
    append_status(body, code);
    return inner_reply(body);
}

}  // namespace

Task<> EncryptedHttp::control(InnerExchange& inner, const OpenedRequest& opened, Bytes body) {
    const auto request = parse_control_request(body);
    if (!request) co_return inner.refuse(Code::protocol);
    if (!opened.node) co_return inner.reply(Bytes(status_reply(Code::auth_required)));
    if (!opened.is_authenticated) {
        worker_.log().info("a client that is not listed wants a session", {"node", *opened.node});
        co_return inner.reply(Bytes(status_reply(Code::auth_refused)));
    }
    if (const auto* open = std::get_if<OpenRequest>(&*request)) {
        const auto reply = co_await open_session(*open, opened);
        co_return inner.reply(Bytes(reply));
    }
    const auto* ask = std::get_if<AskRequest>(&*request);
    const auto id = ask != nullptr ? ask->session : std::get<CloseRequest>(*request).session;
    const auto answer =
        co_await at_worker(keys_.owner(id), ask != nullptr ? ask_session : close_session, id, *opened.node);
    inner.reply(Bytes(status_reply(answer ? *answer : code_in(answer.error()))));
}

/// The session lives on the least loaded worker, which its id names; its secret binds all that was said here.
Task<std::string> EncryptedHttp::open_session(const OpenRequest& wanted, const OpenedRequest& opened) {
    const auto* sessions = worker_.find_local<SessionTable>();
    if (!wanted.wants_tcp || sessions == nullptr) co_return status_reply(Code::no_session);
    auto& channels = *sessions->channels();
    OpenRequest ours;
    auto reply = grant(wanted, ours);
    for (const auto& letter : wanted.letters) {
        const auto* found = channels.find(letter.letter);
        if (found == nullptr) {
            LetterReply refused;
            refused.letter = letter.letter;
            refused.result = Code::channel_unknown;
            reply.letters.push_back(refused);
            continue;
        }
        for (const auto& own : channels.requests())
            if (own.letter == letter.letter) reply.letters.push_back(grant(letter, own));
    }
    const auto home = keys_.workers() > 1 ? worker_.reactor().least_loaded_index() : 0;
    reply.session = make_routed_id(worker_.random(), home, keys_.workers());
    reply.nonce = worker_.random().bytes<std::tuple_size_v<SessionNonce>>();
    reply.resume = std::chrono::milliseconds(0);  // sessions end with their connection, for now
    if (opened.not_after)
        reply.life = std::clamp(std::chrono::floor<std::chrono::seconds>(*opened.not_after - worker_.wall()),
                                0s, reply.life);
    std::string body;
    append(body, reply);
    auto text = inner_reply(body);

    auto& algorithms = worker_.local<CryptoTools>().algorithms;
    AgreedSession agreed;
    agreed.id = reply.session;
    agreed.suite = opened.suite;
    agreed.psk = attach_psk(algorithms, session_secret(algorithms, opened.exporter, opened.plain, text));
    agreed.terms.role = Role::server;
    agreed.terms.peer.node_id(*opened.node);
    agreed.terms.letters = reply.letters;
    agreed.terms.connection_window_bytes = reply.connection_window_bytes;
    agreed.terms.record_bytes_max = reply.record_bytes_max;
    agreed.terms.ping = std::max(wanted.ping, ping_time_min);
    agreed.node = *opened.node;
    agreed.attach_ttl = reply.attach_ttl;
    agreed.life = reply.life;
    const auto added = co_await at_worker(home, add_session, std::move(agreed));
    co_return added ? text : status_reply(code_in(added.error()));
}

/// The connection moves to the session's worker, which writes the 101.
Task<> EncryptedHttp::attach(http::Exchange& exchange) {
    if (exchange.is_encrypted()) co_return refuse(exchange, inside);
    const auto id = parse_id(exchange.param("id"));
    const auto field = parse_attach_field(exchange.header("penstock-attach"));
    if (!exchange.head().wants_upgrade() || exchange.header("upgrade") != "penstock/1") {
        exchange.response().set("upgrade", "penstock/1");
        exchange.response().set("connection", "upgrade");
        co_return exchange.fail(426, error(Code::protocol, "not an upgrade to penstock/1"));
    }
    if (!id) co_return refuse(exchange, error(Code::no_session));
    if (!field) co_return refuse(exchange, field.error());
    const auto home = keys_.owner(*id);
    const auto attached = co_await at_worker(home, attach_session, *id, *field);
    if (!attached) co_return refuse(exchange, attached.error());
    auto handed = exchange.upgrade(
        [this, home, id = *id, sequence = field->sequence, attached = *attached](Detached<TcpSocket> socket) {
            if (home == worker_.index())
                return begin_session(worker_, id, sequence, attached, std::move(socket));
            std::ignore =
                worker_.reactor().worker(home).post(begin_session, id, sequence, attached, std::move(socket));
        });
    if (!handed) exchange.fail(400, handed.error());
}

}  // namespace penstock::stream
