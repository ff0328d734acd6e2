// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/detail/incoming_message.hpp>
#include <penstock/stream/detail/inner_exchange.hpp>
#include <penstock/stream/encrypted_http.hpp>
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/hello.hpp>
#include <penstock/stream/stream_ctl.hpp>

namespace penstock::stream {

using crypto::Code;
using crypto::error;

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
    router.stream(http::Method::post, settings_.enc_path,
                  [this](http::Exchange& exchange) { return serve(exchange); });
}

/// In clear: a hint, which nobody believes.
void EncryptedHttp::refuse(http::Exchange& exchange, Error refused) {
    counters_.requests_refused.add(1);
    const auto code =
        refused.domain() == core::Domain::stream ? static_cast<Code>(refused.code()) : Code::internal;
    std::string body;
    append_error_body(body,
                      {.code = code, .text = code == Code::version ? versions_text() : crypto::name(code)});
    exchange.response().set("content-type", "application/penstock-hs");
    exchange.response().set("cache-control", "no-store");
    if (code == Code::rate_limited || code == Code::overload) exchange.response().set("retry-after", "1");
    Chain chain;
    chain.append(Bytes(body));
    exchange.send(http_status(code), std::move(chain));
}

void EncryptedHttp::shake_hands(http::Exchange& exchange) {
    const auto refused = [&](Error why) {
        counters_.handshakes_refused.add(1);
        refuse(exchange, why);
    };
    if (!handshakes_.take(exchange.peer().address(), worker_.now()))
        return refused(error(Code::rate_limited));
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
    if (auto added = keys_.add(terms.key_id, std::move(answer->fresh), exchange.peer().address()); !added)
        return refused(added.error());
    counters_.handshakes.add(1);
    exchange.response().set("content-type", "application/penstock-hs");
    exchange.response().set("cache-control", "no-store");
    Chain body;
    body.append(Bytes(answer->body));
    exchange.send(200, std::move(body));
}

Result<OpenedRequest> EncryptedHttp::open_here(Worker& worker, Buffer message, Behind behind) {
    return worker.local<EncryptedHttp>().keys_.open(message, behind, worker.local<const NodeKeys>());
}

Task<Result<OpenedRequest>> EncryptedHttp::open(RoutedId key, Buffer message, Behind behind) {
    const auto owner = keys_.owner(key);
    if (owner == worker_.index()) co_return open_here(worker_, std::move(message), behind);
    co_return co_await worker_.reactor().worker(owner).call(open_here, std::move(message), behind);
}

Task<> EncryptedHttp::serve(http::Exchange& exchange) {
    IncomingMessage incoming(exchange);
    auto first = co_await incoming.first();
    if (!first) co_return refuse(exchange, first.error());
    const auto prefix = parse_request_prefix(first->message);
    if (!prefix) co_return refuse(exchange, prefix.error());
    const bool is_streaming = prefix->is_streaming;
    auto opened = co_await open(prefix->key_id, std::move(first->message), first->behind);
    if (!opened) co_return refuse(exchange, opened.error());

    InnerExchange inner(exchange, *opened);
    if (opened->refused != Code::no_error) co_return inner.refuse(opened->refused);
    if (settings_.certificate_for_everything && !opened->is_authenticated)
        co_return inner.refuse(Code::auth_required);
    counters_.requests.add(1);
    if (auto begun = inner.begin(*inner_, is_streaming); !begun) co_return inner.refuse(Code::protocol);
    // The body: what is left of record 0, then record by record, with keys that came along.
    auto fits = inner.body(inner.body_of_first(), opened->is_final);
    MessageOpener opener(opened->request_key, 1);
    bool is_final = opened->is_final;
    Buffer room;
    while (fits && !is_final && !inner.is_done()) {
        while (!inner.wants_body() && !inner.is_done()) co_await inner.progress();
        if (inner.is_done()) co_return;
        const auto record = co_await incoming.next();
        if (!record) co_return exchange.fail(400, record.error());
        if (room.empty()) room = Buffer::room(message_record_bytes_max);
        const auto part = opener.open(worker_.local<CryptoTools>().ciphers, 0, record->message,
                                      record->behind, std::span(room.writable(), room.size()));
        if (!part) co_return exchange.fail(400, part.error());
        is_final = part->is_final;
        fits = inner.body(Bytes(part->plain), is_final);
    }
    if (!fits) co_return exchange.fail(400, fits.error());
    while (!inner.is_done()) co_await inner.progress();
}

}  // namespace penstock::stream
