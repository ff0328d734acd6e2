// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/explain.hpp>
#include <penstock/client/secure_uplink.hpp>
#include <penstock/stream/encrypted_response.hpp>
#include <penstock/stream/hello.hpp>

#include <algorithm>
#include <charconv>
#include <vector>

namespace penstock::client {
namespace {

using crypto::Code;

/// The suite that this CPU does well (docs/protocol.md, 1.2).
crypto::Suite best_suite() {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul"))
        return crypto::Suite::chacha_poly;
#endif
    return crypto::Suite::aes_gcm;
}

http::Request post(const std::string& url, std::string_view body, std::string_view type) {
    return http::Request::post(url, body, type);
}

/// What an answer in clear says is wrong, and when to come again.
SecureUplink::Failure hint_of(const http::Response& response) {
    SecureUplink::Failure out{Error(core::Domain::http, response.status(),
                                    "this is no node: its answer is not one of the protocol"),
                              true};
    if (const auto body = stream::parse_error_body(response.body()))
        out.error = explained(body->code);
    else if (response.status() == 404)
        out.error = Error(core::Domain::http, 404, "this is no node: it has no such path");
    constexpr unsigned most = 60;
    unsigned seconds = 0;
    const auto after = response.header("retry-after");
    if (std::from_chars(after.data(), after.data() + after.size(), seconds).ec == std::errc())
        out.after = std::chrono::seconds(std::min(seconds, most));
    return out;
}

/// The errors of the system alone don't say what was tried.
SecureUplink::Failure lost(const Error& error) {
    if (error.domain() != core::Domain::os) return {error};
    return {Error::os(error.code(), "the uplink cannot be reached")};
}

Result<std::string> inner_of(const http::Request& request) {
    std::vector<stream::InnerField> fields;
    for (const auto& [field, value] : request.fields())
        if (const stream::InnerField inner{field, value}; stream::is_inner_field(inner))
            fields.push_back(inner);
    std::string out;
    const auto written = stream::append_inner_request(
        out, {http::name(request.method()), request.path(), request.query_text()}, fields,
        request.body().size());
    if (!written) return fail(written);
    return out.append(request.body().text());
}

}  // namespace

SecureUplink::SecureUplink(Worker& worker, std::shared_ptr<const Settings> settings, std::string address)
    : worker_(worker), settings_(std::move(settings)), address_(std::move(address)) {}

Task<SecureUplink::Outcome<crypto::Certificate>> SecureUplink::shake_hands() {
    stream::ClientSetup setup;
    setup.suite = best_suite();
    setup.network_key = settings_->network_key ? &*settings_->network_key : nullptr;
    if (settings_->identity != nullptr) {
        const auto now = worker_.wall();
        auto own = settings_->identity->certificate("client", now - std::chrono::hours(1),
                                                    now + std::chrono::hours(24), crypto::Usage::client);
        if (!own) co_return std::unexpected(Failure{own.error()});
        own_ = std::move(*own);
        setup.static_key = &settings_->identity->static_key();
        setup.certificate = &*own_;
    }
    handshake_.emplace(algorithms(), worker_.random(), setup);
    http::CallOptions options;
    options.time_max = settings_->stage_time_max;
    const auto answer = co_await worker_.local<http::Client>().send(
        post("http://" + address_ + settings_->enc_init_path, handshake_->hello(), "application/penstock-hs"),
        options);
    if (!answer) co_return std::unexpected(lost(answer.error()));
    if (answer->status() != 200) co_return std::unexpected(hint_of(*answer));
    if (answer->header("content-type") != "application/penstock-hs") {
        constexpr Error no_node(core::Domain::http, 502,
                                "this is no node: its answer is not one of the protocol");
        co_return std::unexpected(Failure{no_node, true});
    }
    auto offer = handshake_->read(answer->body(), worker_.wall(), {});
    if (!offer) {
        // What has no layout or no right tag may be anybody's; what stands inside is the node's own.
        const bool is_hint =
            crypto::is(offer.error(), Code::protocol) || crypto::is(offer.error(), Code::handshake);
        co_return std::unexpected(Failure{offer.error(), is_hint});
    }
    offer_ = std::move(*offer);
    made_ = used_ = worker_.now();
    co_return offer_->certificate;
}

Result<void> SecureUplink::trust() {
    const auto third = handshake_->message_3();
    if (!third) return fail(third);
    message_3_ = std::string(third->text());
    is_trusted_ = true;
    return {};
}

bool SecureUplink::is_stale() const {
    if (!offer_ || is_gone_) return true;
    const auto& terms = offer_->terms;
    const auto now = worker_.now();
    return now - made_ >= (is_known_ ? terms.life : stream::key_fresh) || now - used_ >= terms.idle;
}

Task<SecureUplink::Outcome<SecureUplink::Plain>> SecureUplink::request(const http::Request& request) {
    if (!is_trusted_) co_return std::unexpected(Failure{crypto::error(Code::key_unknown)});
    Plain out;
    auto inner = inner_of(request);
    if (!inner) co_return std::unexpected(Failure{inner.error()});
    out.request = std::move(*inner);
    auto& ciphers = worker_.local<stream::CryptoTools>().ciphers;
    stream::RequestPrefix prefix;
    prefix.key_id = offer_->terms.key_id;
    prefix.n = next_n_++;
    used_ = worker_.now();
    worker_.random().fill(std::as_writable_bytes(std::span(prefix.salt)));
    if (!is_known_) prefix.message_3 = message_3_;
    std::string body;
    stream::append_request(ciphers, stream::request_message_key(algorithms(), key(), prefix.n, prefix.salt),
                           prefix, out.request, body);
    http::CallOptions options;
    options.time_max = settings_->stage_time_max;
    auto answer = co_await worker_.local<http::Client>().send(
        post("http://" + address_ + settings_->enc_path, body, "application/penstock-req"), options);
    if (!answer) co_return std::unexpected(lost(answer.error()));
    if (answer->status() != 200) {
        const auto hint = hint_of(*answer);
        is_gone_ = is_gone_ || crypto::is(hint.error, Code::key_unknown);
        co_return std::unexpected(hint);
    }
    auto& plain = out.response = answer->take_body();
    const auto response_prefix = stream::parse_response_prefix(Bytes(plain));
    if (!response_prefix) co_return std::unexpected(Failure{response_prefix.error(), true});
    out.is_streaming = response_prefix->is_streaming;
    const auto opened = stream::open_response(algorithms(), ciphers, key(), prefix.n, prefix.salt,
                                              std::span(plain.writable(), plain.size()));
    if (!opened) co_return std::unexpected(Failure{opened.error(), true});  // anybody may have changed it
    is_known_ = true;
    plain.drop(static_cast<std::size_t>(opened->data() - plain.data()));
    plain.keep(opened->size());
    const auto head = stream::parse_inner_response(Bytes(plain), out.is_streaming);
    if (!head) co_return std::unexpected(Failure{head.error()});
    if (head->body_bytes && *head->body_bytes != plain.size() - head->head_bytes)
        co_return std::unexpected(
            Failure{crypto::error(Code::protocol, "the answer is not as long as announced")});
    out.status = head->status;
    out.body_at = head->head_bytes;
    if (out.status == 403)
        if (const auto refused = stream::parse_error_body(Bytes(plain).from(out.body_at)))
            co_return std::unexpected(Failure{explained(refused->code)});
    co_return out;
}

}  // namespace penstock::client
