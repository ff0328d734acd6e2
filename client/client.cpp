// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/client.hpp>
#include <penstock/client/known_nodes.hpp>
#include <penstock/client/secure_uplink.hpp>
#include <penstock/client/transitions.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/http/client_connection.hpp>
#include <penstock/http/url.hpp>
#include <penstock/net/connector.hpp>
#include <penstock/net/socket_carrier.hpp>
#include <penstock/stream/attach.hpp>
#include <penstock/stream/encrypted_response.hpp>
#include <penstock/stream/hello.hpp>
#include <penstock/stream/session_keys.hpp>
#include <penstock/stream/tcp_carrier.hpp>

#include <algorithm>
#include <map>

namespace penstock::client {
namespace {

using crypto::Code;

/// How a stage ended.
struct Ended {
    Fact fact = Fact::done;
    Error error{};
};

Ended failed(const SecureUplink::Failure& failure) {
    auto fact = fact_of(failure.error);
    // A hint makes us wait and ask again; it cannot make us give up, nor believe anything.
    if (failure.is_hint && (fact == Fact::mistrust || fact == Fact::refused || fact == Fact::closed))
        fact = Fact::unreachable;
    return {fact, failure.error};
}

}  // namespace

/// The effects of the machine: one coroutine walks the stages as the table says.
struct Client::State final : events::detail::TaskRoot, std::enable_shared_from_this<Client::State> {
    State(Client& c, Worker& worker, Settings s)
        : TaskRoot(worker),
          client(&c),
          settings(std::move(s)),
          channels(std::make_shared<stream::Channels>()),
          deadline(worker, [] {}) {}

    Task<> walk();
    Task<Ended> run(Stage of);
    Task<Ended> enc_init();
    Task<Ended> stream_ctl();
    Task<Ended> stream_session();
    Task<Ended> stream_connected();
    Ended trust(const crypto::Certificate& certificate);
    void tell(Stage of, Status status, Error error = {}, bool will_retry = false,
              std::chrono::milliseconds delay = {});
    void finish_reach(Result<void> result);
    void session_ended(const Error& error);
    std::chrono::milliseconds backoff(unsigned failures);
    void start_walk();
    void on_finished(std::exception_ptr) override { is_walking = false; }
    void drop_session();

    Client* client;
    const Settings settings;
    const std::shared_ptr<stream::Channels> channels;
    std::move_only_function<void(Client&, const StageEvent&)> on_stage;
    std::move_only_function<void(Client&, const NodeId&)> on_first_contact;

    Stage stage = Stage::begin, target = Stage::begin;
    bool is_walking = false;
    unsigned attempt = 1, failures = 0;
    std::size_t next_uplink = 0;
    core::TimePoint entered;
    std::optional<SecureUplink> uplink;
    std::optional<NodeId> node;
    std::optional<stream::OpenReply> reply;
    crypto::Secret<32> psk;
    std::uint32_t sequence = 0;
    std::unique_ptr<net::Connector> connector;
    http::ClientConnection* connection = nullptr;  // connected, not attached yet; its pipeline's
    std::unique_ptr<stream::Session> session;
    Timer deadline;
    events::Answer<Result<void>> reached;
    std::move_only_function<void(Client&, Result<void>)> then;
    events::Answer<Ended> stage_answer;
    std::map<std::uint64_t, std::unique_ptr<events::detail::TaskRoot>> calls;
    std::uint64_t next_call = 0;
};

void Client::State::tell(Stage of, Status status, Error error, bool will_retry,
                         std::chrono::milliseconds delay) {
    if (!on_stage) return;
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(worker().clock().now() - entered);
    on_stage(*client, {of, status, attempt, elapsed, error, will_retry, delay});
}

void Client::State::finish_reach(Result<void> result) {
    if (auto call = std::exchange(then, nullptr)) call(*client, result);
    reached.give(result);
}

/// Full jitter.
std::chrono::milliseconds Client::State::backoff(unsigned failed_before) {
    const auto most =
        std::min(settings.backoff_max, settings.backoff_base * (1u << std::min(failed_before, 16u)));
    return std::chrono::milliseconds(worker().random().below(static_cast<std::uint64_t>(most.count()) + 1));
}

void Client::State::start_walk() {
    if (std::exchange(is_walking, true)) return;
    start(walk());
}

Task<> Client::State::walk() {
    if (stage == Stage::begin) stage = find(Stage::begin, Fact::go)->to;
    for (;;) {
        if (stage == Stage::stream_streaming) {
            tell(stage, target <= stage ? Status::complete : Status::done);
            failures = 0;
            finish_reach({});
            co_return;  // goes on when the session ends
        }
        entered = worker().clock().now();
        tell(stage, Status::in_progress);
        const auto ended = co_await run(stage);
        const auto* next = find(stage, ended.fact);
        if (next == nullptr) next = find(stage, Fact::unreachable);
        if (ended.fact == Fact::done) {
            const bool is_target = stage == target;
            tell(stage, is_target ? Status::complete : Status::done);
            failures = 0;
            attempt = 1;
            stage = next->to;
            if (is_target) {
                finish_reach({});
                co_return;
            }
            continue;
        }
        ++failures;
        const bool gives_up =
            next->is_fatal || (!settings.always_reconnect && failures >= settings.tries_max);
        const auto delay =
            next->action == Action::retry ? backoff(failures - 1) : std::chrono::milliseconds(0);
        tell(stage, Status::error, ended.error, !gives_up, delay);
        if (gives_up) {
            stage = Stage::begin;
            finish_reach(fail(ended.error));
            co_return;
        }
        stage = next->to;
        ++attempt;
        if (delay.count() > 0) {
            tell(stage, Status::backoff, ended.error, true, delay);
            co_await worker().sleep(delay);
        }
    }
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

Task<Ended> Client::State::enc_init() {
    if (settings.uplinks.empty())
        co_return Ended{Fact::mistrust, Error(core::Domain::settings, 1, "no uplink is set")};
    uplink.emplace(worker(), settings, settings.uplinks[next_uplink++ % settings.uplinks.size()]);
    const auto certificate = co_await uplink->shake_hands();
    if (!certificate) co_return failed(certificate.error());
    co_return trust(*certificate);
}

Ended Client::State::trust(const crypto::Certificate& certificate) {
    const auto& id = certificate.node();
    auto distrust = [](Error error) { return Ended{Fact::mistrust, error}; };
    if (settings.uplink_id) {
        if (*settings.uplink_id != id)
            return distrust(crypto::error(Code::identity_mismatch,
                                          "another node answers: its id is not the one that was given"));
    } else {
        if (settings.known_nodes.empty())
            return distrust(
                crypto::error(Code::cert_untrusted, "unknown node: give its id, or a file of known nodes"));
        KnownNodes known(settings.known_nodes);
        const auto before = known.find(uplink->address());
        if (!before) return distrust(before.error());
        if (!*before) {
            if (!settings.trusts_first)
                return distrust(
                    crypto::error(Code::cert_untrusted, "unknown node: strict, and not in known_nodes"));
            if (auto added = known.add(uplink->address(), id); !added) return distrust(added.error());
            if (on_first_contact) on_first_contact(*client, id);
        } else if (**before != id) {
            return distrust(crypto::error(Code::identity_mismatch,
                                          "another node answers at this address than before: if that is "
                                          "right, remove its line from known_nodes"));
        }
    }
    if (auto trusted = uplink->trust(); !trusted) return distrust(trusted.error());
    node = id;
    return {};
}

// stream_ctl: a session.

Task<Ended> Client::State::stream_ctl() {
    if (!uplink || !uplink->has_key()) co_return Ended{Fact::key_gone, crypto::error(Code::key_unknown)};
    stream::OpenRequest wanted;
    worker().random().fill(std::as_writable_bytes(std::span(wanted.nonce)));
    wanted.letters = channels->requests();
    wanted.resume = std::chrono::milliseconds(0);
    std::string body;
    append(body, wanted);
    http::Request request(http::Method::post, settings.stream_ctl_path);
    request.body(Buffer::copy(body));
    const auto plain = co_await uplink->request(request);
    if (!plain) co_return failed(plain.error());
    if (plain->status != 200)
        co_return Ended{Fact::refused,
                        Error(core::Domain::http, plain->status, "the node has no stream_ctl")};
    auto parsed = stream::parse_open_reply(Bytes(plain->response).from(plain->body_at));
    if (!parsed) co_return Ended{fact_of(parsed.error()), parsed.error()};
    if (auto checked = stream::check(*parsed, wanted); !checked)
        co_return Ended{Fact::mistrust, checked.error()};
    for (const auto& letter : parsed->letters)
        if (!letter.is_granted()) co_return Ended{Fact::refused, crypto::error(letter.result)};
    reply = std::move(*parsed);
    psk = stream::attach_psk(uplink->algorithms(),
                             stream::session_secret(uplink->algorithms(), uplink->key().exporter,
                                                    plain->request, plain->response));
    sequence = 0;
    co_return Ended{};
}

// stream_session: a connection.

Task<Ended> Client::State::stream_session() {
    const auto text = "http://" + uplink->address() + "/";  // the url is a view of it
    const auto url = http::Url::parse(text);
    if (!url) co_return Ended{Fact::mistrust, url.error()};
    auto addresses = net::addresses_of(url->host, url->port);
    if (!addresses) co_return Ended{Fact::mistrust, addresses.error()};
    net::ConnectTimes times;
    times.time_max = settings.connect_time_max;
    worker().bury(std::move(connector));
    connector = std::make_unique<net::Connector>(worker(), times);
    const auto connected = co_await connector->connect(std::move(*addresses), [this](Pipeline& line) {
        auto made = std::make_unique<http::ClientConnection>();
        connection = made.get();
        made->on_ended([this] { connection = nullptr; });
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
    stream::ClientAttach attach(uplink->algorithms(), uplink->key().suite, psk, point);
    auto request = std::make_shared<http::Request>(
        http::Method::get, settings.stream_path + "/" + stream::id_text(reply->session));
    request->header("connection", "Upgrade");
    request->header("upgrade", "penstock/1");
    request->header("penstock-attach",
                    stream::attach_field_text({sequence, attach.message_1(worker().random())}));

    auto upgraded = [&](Result<http::Response> response) -> std::unique_ptr<pipeline::Handler> {
        connection = nullptr;
        const auto over = [&](Fact fact, Error error) {
            stage_answer.give(Ended{fact, error});
            return nullptr;
        };
        if (!response) return over(Fact::unreachable, response.error());
        if (response->status() != 101) {
            const auto said = stream::parse_error_body(response->body());
            const auto error = said
                                   ? crypto::error(said->code)
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
        session = std::make_unique<stream::Session>(worker(), std::move(terms), channels,
                                                    [this](Error error) { session_ended(error); });
        auto made =
            std::make_unique<stream::TcpCarrier>(*session, uplink->algorithms(), uplink->key().suite, *keys);
        stage_answer.give(Ended{});
        return made;
    };
    auto* attached = connection;
    Timer late(worker(), [&] {
        attached->abandon();
        connection = nullptr;
        stage_answer.give(Ended{Fact::unreachable, Error::os(ETIMEDOUT, "the attach")});
    });
    late.arm(settings.stage_time_max);
    attached->upgrade(std::move(request),
                      {settings.stream_path + "/" + stream::id_text(reply->session), uplink->address()},
                      std::move(upgraded));
    const auto ended = co_await Awaitable<Ended>(stage_answer);
    co_return ended;
}

// The stream, and its end.

void Client::State::drop_session() {
    if (session == nullptr) return;
    worker().bury(std::move(session));
}

void Client::State::session_ended(const Error& error) {
    if (session == nullptr) return;
    drop_session();
    if (stage != Stage::stream_streaming) return;
    const auto fact = error ? fact_of(error) : Fact::closed;
    const auto* next = find(Stage::stream_streaming, fact);
    if (next == nullptr) next = find(Stage::stream_streaming, Fact::lost);
    const bool retries = next->action != Action::report && settings.always_reconnect;
    entered = worker().now();
    tell(stage, Status::error, error, retries);
    stage = retries ? next->to : Stage::begin;
    if (retries) start_walk();
}

// The public face.

Client::Client(Worker& worker, Settings settings)
    : state_(std::make_unique<State>(*this, worker, std::move(settings))) {}

Client::~Client() {
    abort();
    state_->destroy();
    for (auto& [id, call] : state_->calls) call->destroy();
    auto& worker = state_->worker();
    worker.bury(std::move(state_));
}

Worker& Client::worker() const { return state_->worker(); }
stream::Channels& Client::channels() { return *state_->channels; }
Stage Client::stage() const { return state_->stage; }
stream::Session* Client::session() { return state_->session.get(); }
const NodeId* Client::node() const { return state_->node ? &*state_->node : nullptr; }

void Client::on_stage(std::move_only_function<void(Client&, const StageEvent&)> call) {
    state_->on_stage = std::move(call);
}
void Client::on_first_contact(std::move_only_function<void(Client&, const NodeId&)> call) {
    state_->on_first_contact = std::move(call);
}

stream::Channel* Client::channel(char letter) {
    return state_->session != nullptr ? state_->session->find(letter) : nullptr;
}

Awaitable<Result<void>> Client::reach(Stage stage) {
    state_->target = stage;
    const bool is_there = state_->stage == Stage::stream_streaming;
    if (is_there) return Awaitable<Result<void>>(Result<void>());
    return Awaitable<Result<void>>(state_->reached, [this] { state_->start_walk(); });
}

void Client::reach(Stage stage, std::move_only_function<void(Client&, Result<void>)> then) {
    state_->target = stage;
    state_->then = std::move(then);
    state_->start_walk();
}

Task<Result<http::Response>> Client::request(http::Request request) {
    if (!state_->uplink || !state_->uplink->has_key())
        co_return fail(crypto::error(Code::key_unknown, "no key yet: reach enc_init first"));
    auto plain = co_await state_->uplink->request(request);
    if (!plain) co_return fail(plain.error().error);
    const auto head = stream::parse_inner_response(Bytes(plain->response), false);
    http::Response out(plain->status);
    if (head)
        for (const auto& field : head->fields) out.fields().add(field.name, field.value);
    out.body(Buffer::copy(Bytes(plain->response).from(plain->body_at)));
    co_return out;
}

Task<Result<http::Response>> Client::request_in_clear(http::Request request) {
    if (state_->settings.uplinks.empty())
        co_return fail(Error(core::Domain::settings, 1, "no uplink is set"));
    http::Request absolute(request.method(),
                           "http://" + state_->settings.uplinks.front() + std::string(request.target()));
    for (const auto& [name, value] : request.fields()) absolute.fields().add(name, value);
    absolute.body(Buffer::copy(request.body()));
    co_return co_await worker().local<http::Client>().send(std::move(absolute));
}

Task<Result<void>> Client::close() {
    constexpr auto step = std::chrono::milliseconds(5);
    auto left = state_->settings.stage_time_max;
    auto queued = [this] {
        std::size_t out = 0;
        for (const auto& letter : state_->channels->requests())
            if (auto* open = channel(letter.letter)) out += open->queued_bytes();
        return out;
    };
    for (; queued() > 0 && left.count() > 0; left -= step) co_await worker().sleep(step);
    const bool is_whole = queued() == 0;
    if (state_->session != nullptr) state_->session->close();
    state_->stage = Stage::begin;
    if (!is_whole) co_return fail(Error::os(ETIMEDOUT, "not all that was queued went out"));
    co_return Result<void>();
}

void Client::abort() {
    if (state_->session != nullptr) {
        state_->stage = Stage::begin;
        state_->session->abort(Error::os(ECANCELED, "the client was aborted"));
        state_->drop_session();
    }
    if (auto* connection = std::exchange(state_->connection, nullptr)) {
        connection->on_ended({});
        connection->abandon();
    }
}

namespace {

/// A coroutine whose end is told to a callback.
template <class R>
struct Call final : events::detail::TaskRoot {
    Call(Worker& worker, std::move_only_function<void(R)> t) : TaskRoot(worker), then(std::move(t)) {}
    static Task<> run(Task<R> task, Call& call) { call.then(co_await task); }
    void on_finished(std::exception_ptr) override { is_over = true; }
    std::move_only_function<void(R)> then;
    bool is_over = false;
};

}  // namespace

void Client::request(http::Request request,
                     std::move_only_function<void(Client&, Result<http::Response>)> then) {
    using R = Result<http::Response>;
    const auto id = state_->next_call++;
    auto call = std::make_unique<Call<R>>(worker(), [this, id, then = std::move(then)](R result) mutable {
        worker().bury(std::move(state_->calls[id]));
        state_->calls.erase(id);
        then(*this, std::move(result));
    });
    auto& held = *call;
    state_->calls[id] = std::move(call);
    held.start(Call<R>::run(this->request(std::move(request)), held));
}

void Client::close(std::move_only_function<void(Client&, Result<void>)> then) {
    using R = Result<void>;
    const auto id = state_->next_call++;
    auto call = std::make_unique<Call<R>>(worker(), [this, id, then = std::move(then)](R result) mutable {
        worker().bury(std::move(state_->calls[id]));
        state_->calls.erase(id);
        then(*this, result);
    });
    auto& held = *call;
    state_->calls[id] = std::move(call);
    held.start(Call<R>::run(this->close(), held));
}

}  // namespace penstock::client
