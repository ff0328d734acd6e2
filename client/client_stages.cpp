// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/detail/client_state.hpp>
#include <penstock/client/explain.hpp>
#include <penstock/client/known_nodes.hpp>
#include <penstock/http/url.hpp>
#include <penstock/stream/attach.hpp>
#include <penstock/stream/hello.hpp>
#include <penstock/stream/session_keys.hpp>
#include <penstock/stream/tcp_carrier.hpp>

#include <string>

// What a Client does in each stage.
namespace penstock::client {
namespace {

using crypto::Code;

Ended failed(const SecureUplink::Failure& failure) {
    auto fact = fact_of(failure.error);
    // A hint makes us wait and ask again; it cannot make us give up, nor believe anything.
    if (failure.is_hint && (fact == Fact::mistrust || fact == Fact::refused || fact == Fact::closed))
        fact = Fact::unreachable;
    return {fact, failure.error, failure.after};
}

}  // namespace

Result<void> check_uplink(const std::string& uplink) {
    constexpr Error wrong(core::Domain::settings, 1, "an uplink is written host:port");
    const auto text = "http://" + uplink + "/";
    const auto url = http::Url::parse(text);
    if (!url || url->path != "/" || !url->query.empty() || text.contains('#')) return fail(wrong);
    if (const auto found = net::addresses_of(url->host, url->port); !found) return fail(found);
    return {};
}

Task<Ended> Client::State::run(Stage of) {
    switch (of) {
        case Stage::enc_init: return enc_init();
        case Stage::stream_ctl: return stream_ctl();
        case Stage::stream_session: return stream_session();
        default: return stream_connected();
    }
}

// enc_init: who is it?

/// A new key with a node that is trusted.
Task<std::expected<std::shared_ptr<SecureUplink>, Ended>> Client::State::shake_hands(std::string address) {
    const auto mine = begins;
    auto made = std::make_shared<SecureUplink>(worker(), settings, std::move(address));
    const auto certificate = co_await made->shake_hands();
    if (!certificate) co_return std::unexpected(failed(certificate.error()));
    auto trusted = trust(*made, *certificate);
    if (trusted.fact != Fact::done) co_return std::unexpected(trusted);
    if (begins != mine) co_return std::unexpected(Ended{Fact::stop, canceled});
    node = certificate->node();
    co_return made;
}

Task<Ended> Client::State::enc_init() {
    if (settings->uplinks.empty())
        co_return Ended{Fact::mistrust, Error(core::Domain::settings, 1, "no uplink is set")};
    for (const auto& each : settings->uplinks)
        if (const auto checked = check_uplink(each); !checked)
            co_return Ended{Fact::mistrust, checked.error()};
    auto made = co_await shake_hands(settings->uplinks[uplink_at % settings->uplinks.size()]);
    if (!made) {
        if (made.error().fact == Fact::mistrust) uplink.reset(), node.reset();
        co_return made.error();
    }
    uplink = std::move(*made);
    uplinks_failed = 0;
    co_return Ended{};
}

/// The owner may be gone afterwards.
Ended Client::State::trust(SecureUplink& shown, const crypto::Certificate& certificate) {
    const auto& id = certificate.node();
    auto distrust = [](Error error) { return Ended{Fact::mistrust, error}; };
    bool is_new = false;
    if (settings->uplink_id) {
        if (*settings->uplink_id != id)
            return distrust(crypto::error(Code::identity_mismatch,
                                          "another node answers: its id is not the one that was given"));
    } else {
        if (settings->known_nodes.empty())
            return distrust(
                crypto::error(Code::cert_untrusted, "unknown node: give its id, or a file of known nodes"));
        KnownNodes known(settings->known_nodes);
        const auto before = known.find(shown.address());
        if (!before) return distrust(before.error());
        if (!*before) {
            if (!settings->trusts_first)
                return distrust(
                    crypto::error(Code::cert_untrusted, "unknown node: strict, and not in known_nodes"));
            if (auto added = known.add(shown.address(), id); !added) return distrust(added.error());
            is_new = true;
        } else if (**before != id) {
            return distrust(crypto::error(Code::identity_mismatch,
                                          "another node answers at this address than before: if that is "
                                          "right, remove its line from known_nodes"));
        }
    }
    if (auto trusted = shown.trust(); !trusted) return distrust(trusted.error());
    if (is_new) tell_owner<const NodeId&>(on_first_contact, id);
    return {};
}

/// A key that the node knows. All who ask for it wait for one handshake. Touches nothing of ours when it goes
/// on: that may be gone.
Task<Result<std::shared_ptr<SecureUplink>>> Client::State::renew() {
    auto& answer = renewing.emplace_back();
    Awaitable<Result<std::shared_ptr<SecureUplink>>> renewed(answer);
    if (renewing.size() == 1) {
        const auto id = next_call++;
        auto& made = *(calls[id] = std::make_unique<Call>(worker()));
        made.start([](State& state, std::uint64_t own) -> Task<> {
            co_await state.renewal();
            const auto found = state.calls.find(own);
            state.worker().bury(std::move(found->second));
            state.calls.erase(found);
        }(*this, id));
    }
    co_return co_await renewed;
}

Task<> Client::State::renewal() {
    const auto old = uplink;
    auto made = co_await shake_hands(old->address());
    if (made && uplink == old) uplink = *made;
    Result<std::shared_ptr<SecureUplink>> result = fail(canceled);
    if (made)
        result = *made;
    else
        result = fail(made.error().error);
    for (auto& waiting : std::exchange(renewing, {})) waiting.give(result);
}

// stream_ctl: a session.

Task<Ended> Client::State::stream_ctl() {
    const auto with = uplink;
    if (with == nullptr || with->is_stale())
        co_return Ended{Fact::key_gone, crypto::error(Code::key_unknown, "our key is too old")};
    stream::OpenRequest wanted;
    worker().random().fill(std::as_writable_bytes(std::span(wanted.nonce)));
    wanted.letters = channels->requests();
    wanted.resume = std::chrono::milliseconds(0);
    std::string body;
    append(body, wanted);
    http::Request request(http::Method::post, settings->stream_ctl_path);
    request.body(Buffer::copy(body));
    const auto plain = co_await with->request(request);
    if (!plain) co_return failed(plain.error());
    if (plain->status != 200) {
        const bool is_later = plain->status >= 500 || plain->status == 429;
        co_return Ended{is_later ? Fact::unreachable : Fact::refused,
                        Error(core::Domain::http, plain->status, "the node has no stream_ctl")};
    }
    auto parsed = stream::parse_open_reply(Bytes(plain->response).from(plain->body_at));
    if (!parsed) {
        const auto& error = parsed.error();
        const bool has_code = error.domain() == core::Domain::stream && !crypto::is(error, Code::protocol);
        co_return Ended{fact_of(error), has_code ? explained(static_cast<Code>(error.code())) : error};
    }
    if (auto checked = stream::check(*parsed, wanted); !checked)
        co_return Ended{Fact::mistrust, checked.error()};
    for (const auto& letter : parsed->letters)
        if (!letter.is_granted()) co_return Ended{Fact::refused, explained(letter.result)};
    reply = std::move(*parsed);
    suite = with->key().suite;
    psk = stream::attach_psk(
        with->algorithms(),
        stream::session_secret(with->algorithms(), with->key().exporter, plain->request, plain->response));
    sequence = 0;
    co_return Ended{};
}

// stream_session: a connection.

Task<Ended> Client::State::stream_session() {
    const auto text = "http://" + uplink->address() + "/";  // the url is a view of it
    const auto url = http::Url::parse(text);
    if (!url) co_return Ended{Fact::unreachable, url.error()};
    auto addresses = net::addresses_of(url->host, url->port);
    if (!addresses) co_return Ended{Fact::unreachable, addresses.error()};
    net::ConnectTimes times;
    times.time_max = settings->connect_time_max;
    connector = std::make_unique<net::Connector>(worker(), times);
    const auto connected = co_await connector->connect(std::move(*addresses), [this](Pipeline& line) {
        auto made = std::make_unique<http::ClientConnection>();
        connection = made.get();
        made->on_ended([this] {
            connection = nullptr;
            if (stage == Stage::stream_connected && !is_walking) stage = Stage::stream_session;
        });
        line.add(std::move(made));
    });
    if (!connected) co_return Ended{Fact::unreachable, connected.error()};
    co_return Ended{};
}

// stream_connected: attached.

Task<Ended> Client::State::stream_connected() {
    if (connection == nullptr)
        co_return Ended{Fact::unreachable, Error::os(ECONNRESET, "the connection was lost")};
    const stream::AttachPoint point{.session = reply->session, .sequence = ++sequence};
    auto& algorithms = uplink->algorithms();
    stream::ClientAttach attach(algorithms, suite, psk, point);
    const auto path = settings->stream_path + "/" + stream::id_text(reply->session);
    auto request = std::make_shared<http::Request>(http::Method::get, path);
    request->header("connection", "Upgrade");
    request->header("upgrade", "penstock/1");
    request->header("penstock-attach",
                    stream::attach_field_text({sequence, attach.message_1(worker().random())}));

    auto upgraded = [&](Result<http::Response> response) -> std::unique_ptr<pipeline::Handler> {
        connection = nullptr;
        const auto over = [&](Fact fact, Error error) {
            attached.give(Ended{fact, error});
            return nullptr;
        };
        if (!response) return over(Fact::unreachable, response.error());
        if (response->status() != 101) {
            const auto said = stream::parse_error_body(response->body());
            const auto error = said
                                   ? explained(said->code)
                                   : Error(core::Domain::http, response->status(), "the upgrade was refused");
            return over(response->status() == 404 || response->status() == 409 ? Fact::session_gone
                                                                               : Fact::unreachable,
                        error);
        }
        const auto field = stream::parse_attach_field(response->header("penstock-attach"));
        if (!field || field->sequence != sequence)
            return over(Fact::unreachable,
                        crypto::error(Code::protocol, "the 101 is not the answer to this attach"));
        auto keys = attach.read(std::span<const std::uint8_t>(field->message));
        if (!keys) return over(Fact::unreachable, keys.error());
        stream::SessionTerms terms;
        terms.role = stream::Role::client;
        terms.peer.node_id(*node);
        terms.letters = reply->letters;
        terms.connection_window_bytes = reply->connection_window_bytes;
        terms.record_bytes_max = reply->record_bytes_max;
        psk.clear();  // a session is attached once
        session = std::make_unique<stream::Session>(worker(), std::move(terms), channels,
                                                    [this, number = ++sessions](Error error) {
                                                        if (number == sessions) session_ended(error);
                                                    });
        auto made = std::make_unique<stream::TcpCarrier>(*session, algorithms, suite, *keys);
        attached.give(Ended{});
        return made;
    };
    Timer too_late(worker(), [this] {
        auto* silent = std::exchange(connection, nullptr);
        if (silent == nullptr) return;  // it has answered in this turn
        silent->on_ended({});
        silent->abandon();
        attached.give(Ended{Fact::unreachable, Error::os(ETIMEDOUT, "the attach was not answered in time")});
    });
    too_late.arm(settings->stage_time_max);
    connection->upgrade(std::move(request), {path, uplink->address()}, std::move(upgraded));
    const auto ended = co_await Awaitable<Ended>(attached);
    co_await Soon();  // behind the session's own, which may have ended by a word of its first handlers
    co_return ended;
}

}  // namespace penstock::client
