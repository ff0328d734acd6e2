// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/deferred.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/http/client.hpp>
#include <penstock/http/url.hpp>
#include <penstock/net/connector.hpp>
#include <penstock/net/socket_carrier.hpp>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace penstock::http {
namespace {

using detail::Exchanging;

constexpr Error refused(int status, const char* text) { return {core::Domain::http, status, text}; }

/// RFC 9110, 9.2.2.
constexpr bool is_idempotent(Method method) {
    return method != Method::post && method != Method::patch && method != Method::other;
}

/// A connection that ends in this turn: who asks it to send gets an error that is not about the request.
bool is_closing(const ClientConnection& connection) {
    return static_cast<net::SocketCarrier&>(connection.line().carrier()).socket().is_closing();
}

}  // namespace

namespace detail {

/// One request on its way: waits for a connection, makes one, or has one.
struct Exchanging final : events::Deferred {
    Exchanging(Client::State& s, Request r);
    ~Exchanging() override;
    void on_deferred() override;

    Client::State& state;
    std::shared_ptr<const Request> request;
    ClientConnection::Target target;
    std::string host;  // key of its pool: as it was written, and the port
    std::vector<Address> addresses;

    Call* call = nullptr;
    events::Answer<Result<Response>> answer;
    Client::Then then;
    Client::Upgraded upgraded;

    events::Timer deadline;
    std::optional<net::Connector> connector;
    ClientConnection* connection = nullptr;
    Error early_error;  // told in on_deferred
    bool holds_place = false;
    bool is_on_kept = false;
    bool is_retried = false;  // on a connection that is not kept from before
    std::list<std::unique_ptr<Exchanging>>::iterator place;
};

}  // namespace detail

/// Places are counted per host: one for a connection, or for the attempt to make it. Hosts are looked up
/// again after each callback: they go with their last connection.
struct Client::State {
    struct Host {
        std::vector<ClientConnection*> idle;  // the last used is used first
        std::size_t places = 0;
        std::deque<Exchanging*> waiting;
    };

    State(Worker& w, ClientSettings s) : worker(w), settings(s) {}

    Exchanging& begin(Request request, CallOptions options);
    Error prepare(Exchanging& exchanging);
    void start(Exchanging& exchanging);
    bool start_now(Host& host, Exchanging& exchanging);
    void open(Exchanging& exchanging);
    void fill(Exchanging& exchanging, Pipeline& line);
    void opened(Exchanging& exchanging, Result<void> result);
    void use(Exchanging& exchanging, ClientConnection& connection);
    void replied(Exchanging& exchanging, Result<Response> result);
    ClientConnection* take_idle(Host& host);
    void ended(const std::string& key, ClientConnection* connection);
    void give_back(const std::string& key);
    void serve(const std::string& key);
    std::unique_ptr<Exchanging> drop(Exchanging& exchanging);
    void finish(Exchanging& exchanging, Result<Response> result);
    void cancel(Exchanging& exchanging);

    Worker& worker;
    const ClientSettings settings;
    std::map<std::string, Host, std::less<>> hosts;
    std::list<std::unique_ptr<Exchanging>> running;
    bool is_ending = false;
};

namespace detail {

Exchanging::Exchanging(Client::State& s, Request r)
    : state(s), request(std::make_shared<const Request>(std::move(r))), deadline(s.worker, [this] {
          state.finish(*this, fail(refused(504, "the response was not complete in time")));
      }) {}

Exchanging::~Exchanging() {
    if (call != nullptr) call->running_ = nullptr;
}

void Exchanging::on_deferred() { state.finish(*this, fail(early_error)); }

}  // namespace detail

// Call.

Call::Call(detail::Exchanging& running) : running_(&running) { running.call = this; }

Call::Call(Call&& other) noexcept : running_(std::exchange(other.running_, nullptr)) {
    if (running_ != nullptr) running_->call = this;
}

Call& Call::operator=(Call&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    running_ = std::exchange(other.running_, nullptr);
    if (running_ != nullptr) running_->call = this;
    return *this;
}

void Call::cancel() {
    if (running_ != nullptr) running_->state.cancel(*running_);
}

void Call::release() {
    if (running_ != nullptr) std::exchange(running_, nullptr)->call = nullptr;
}

// Client.

Client::Client(Worker& worker, ClientSettings settings) : state_(std::make_unique<State>(worker, settings)) {}

Client::~Client() {
    auto& state = *state_;
    state.is_ending = true;
    while (!state.running.empty()) {
        auto& exchanging = *state.running.front();
        exchanging.answer.give(fail(Error::os(ECANCELED, "the client ended")));
        state.cancel(exchanging);
    }
    for (auto& [key, host] : state.hosts)
        for (auto* connection : host.idle) connection->abandon();
    state.worker.bury(std::move(state_));  // it may be in a callback of its own
}

Reply Client::post(std::string_view url, Bytes body, std::string_view type) {
    return send(Request::post(url, body, type));
}

Reply Client::send(Request request, CallOptions options) {
    auto& exchanging = state_->begin(std::move(request), options);
    state_->start(exchanging);
    return Reply(exchanging.answer, Call(exchanging));
}

Call Client::post(std::string_view url, Bytes body, std::string_view type, Then then) {
    return send(Request::post(url, body, type), std::move(then));
}

Call Client::send(Request request, Then then, CallOptions options) {
    auto& exchanging = state_->begin(std::move(request), options);
    exchanging.then = std::move(then);
    state_->start(exchanging);
    return Call(exchanging);
}

Call Client::upgrade(Request request, Upgraded then, CallOptions options) {
    auto& exchanging = state_->begin(std::move(request), options);
    exchanging.upgraded = std::move(then);
    state_->start(exchanging);
    return Call(exchanging);
}

std::size_t Client::idle() const {
    std::size_t out = 0;
    for (const auto& [key, host] : state_->hosts) out += host.idle.size();
    return out;
}

std::size_t Client::connections() const {
    std::size_t out = 0;
    for (const auto& [key, host] : state_->hosts) out += host.places;
    return out;
}

// The way of a request.

Exchanging& Client::State::begin(Request request, CallOptions options) {
    running.push_back(std::make_unique<Exchanging>(*this, std::move(request)));
    auto& exchanging = *running.back();
    exchanging.place = std::prev(running.end());
    const auto time_max = options.time_max.count() > 0 ? options.time_max : settings.exchange_time_max;
    exchanging.deadline.arm(time_max);
    exchanging.early_error = prepare(exchanging);
    return exchanging;
}

Error Client::State::prepare(Exchanging& exchanging) {
    const auto& request = *exchanging.request;
    if (name(request.method()).empty() || request.method() == Method::connect)
        return refused(400, "the client does not send this method");
    const auto url = Url::parse(request.target());
    if (!url) return url.error();
    auto addresses = net::addresses_of(url->host, url->port);
    if (!addresses) return addresses.error();
    exchanging.addresses = std::move(*addresses);
    exchanging.target = {url->target(), url->authority()};
    exchanging.host = exchanging.target.host;
    return {};
}

/// On a kept connection, else on a new one, else it waits. Calls nothing back.
void Client::State::start(Exchanging& exchanging) {
    if (exchanging.early_error) return exchanging.defer(worker);
    if (exchanging.upgraded) return open(exchanging);
    auto& host = hosts[exchanging.host];
    if (start_now(host, exchanging)) return;
    if (host.waiting.size() < settings.waiting_per_host_max) return host.waiting.push_back(&exchanging);
    exchanging.early_error = refused(503, "too many requests wait for a connection to this host");
    exchanging.defer(worker);
}

/// False: there is no place.
bool Client::State::start_now(Host& host, Exchanging& exchanging) {
    if (auto* kept = exchanging.is_retried ? nullptr : take_idle(host)) {
        exchanging.is_on_kept = true;
        use(exchanging, *kept);
        return true;
    }
    if (host.places >= settings.connections_per_host_max) {
        if (!exchanging.is_retried || host.idle.empty()) return false;
        host.idle.front()->abandon();  // likely as stale as the one that failed
        host.idle.erase(host.idle.begin());
        --host.places;
    }
    ++host.places;
    exchanging.holds_place = true;
    open(exchanging);
    return true;
}

ClientConnection* Client::State::take_idle(Host& host) {
    const auto usable = std::ranges::find_if(host.idle.rbegin(), host.idle.rend(),
                                             [](const auto* one) { return !is_closing(*one); });
    if (usable == host.idle.rend()) return nullptr;
    auto* out = *usable;
    host.idle.erase(std::next(usable).base());
    return out;
}

void Client::State::open(Exchanging& exchanging) {
    net::ConnectTimes times;
    times.time_max = settings.connect_time_max;
    exchanging.connector.emplace(worker, times);
    exchanging.connector->connect(
        exchanging.addresses, [this, &exchanging](Pipeline& line) { fill(exchanging, line); },
        [this, &exchanging](Result<void> result) { opened(exchanging, result); });
}

void Client::State::fill(Exchanging& exchanging, Pipeline& line) {
    auto made = std::make_unique<ClientConnection>(settings.reply);
    exchanging.connection = made.get();
    line.add(std::move(made));
}

void Client::State::opened(Exchanging& exchanging, Result<void> result) {
    if (!result) {
        worker.log().debug("connect failed", {"host", exchanging.host}, {"error", result.error()});
        return finish(exchanging, fail(result));
    }
    auto& connection = *std::exchange(exchanging.connection, nullptr);
    if (std::exchange(exchanging.holds_place, false))  // it is the connection's from here on
        connection.on_ended([this, key = exchanging.host, &connection] { ended(key, &connection); });
    use(exchanging, connection);
}

void Client::State::use(Exchanging& exchanging, ClientConnection& connection) {
    exchanging.connection = &connection;
    connection.line().idle_timeout(std::chrono::nanoseconds(0));
    if (!exchanging.upgraded)
        return connection.send(
            exchanging.request, exchanging.target,
            [this, &exchanging](Result<Response> result) { replied(exchanging, std::move(result)); });
    connection.upgrade(exchanging.request, exchanging.target, [this, &exchanging](Result<Response> result) {
        exchanging.connection = nullptr;  // it has ended, or is the next handler's
        auto upgraded = std::exchange(exchanging.upgraded, {});
        worker.bury(drop(exchanging));
        return upgraded(std::move(result));
    });
}

void Client::State::replied(Exchanging& exchanging, Result<Response> result) {
    auto& connection = *std::exchange(exchanging.connection, nullptr);
    const bool is_stale = !result && exchanging.is_on_kept && !connection.has_answered();
    if (is_stale && is_idempotent(exchanging.request->method())) {
        exchanging.is_on_kept = false;
        exchanging.is_retried = true;
        auto& host = hosts[exchanging.host];
        if (!start_now(host, exchanging)) host.waiting.push_front(&exchanging);
        return;
    }
    if (connection.is_idle()) {
        connection.line().idle_timeout(settings.idle_time_max);
        hosts[exchanging.host].idle.push_back(&connection);
        serve(exchanging.host);
    }
    finish(exchanging, std::move(result));
}

// Places.

void Client::State::ended(const std::string& key, ClientConnection* connection) {
    std::erase(hosts[key].idle, connection);
    give_back(key);
}

void Client::State::give_back(const std::string& key) {
    --hosts[key].places;
    serve(key);
}

/// Whoever waits, as long as there is room.
void Client::State::serve(const std::string& key) {
    auto found = hosts.find(key);
    if (found == hosts.end()) return;
    auto& host = found->second;
    while (!is_ending && !host.waiting.empty() && start_now(host, *host.waiting.front()))
        host.waiting.pop_front();
    if (host.places == 0 && host.waiting.empty()) hosts.erase(found);
}

// The end.

/// Takes it out of all lists; a connection that it still has is cut.
std::unique_ptr<Exchanging> Client::State::drop(Exchanging& exchanging) {
    auto out = std::move(*exchanging.place);
    running.erase(exchanging.place);
    out->cancel();
    out->deadline.cancel();
    if (out->call != nullptr) std::exchange(out->call, nullptr)->running_ = nullptr;
    if (const auto found = hosts.find(out->host); found != hosts.end())
        std::erase(found->second.waiting, &exchanging);
    out->connector.reset();
    const bool was_upgrading = static_cast<bool>(out->upgraded);
    if (auto* connection = std::exchange(out->connection, nullptr)) {
        connection->abandon();
        if (!was_upgrading && !out->holds_place) give_back(out->host);
    }
    if (std::exchange(out->holds_place, false)) give_back(out->host);
    return out;
}

/// The last thing that is done: the client may die in the callback.
void Client::State::finish(Exchanging& exchanging, Result<Response> result) {
    auto ended = drop(exchanging);
    auto then = std::move(ended->then);
    auto upgraded = std::move(ended->upgraded);
    auto& awaited = ended->answer;
    worker.bury(std::move(ended));  // lives until the end of the turn
    if (then) return then(std::move(result));
    if (!upgraded) return awaited.give(std::move(result));
    static_cast<void>(upgraded(std::move(result)));
}

void Client::State::cancel(Exchanging& exchanging) { worker.bury(drop(exchanging)); }

}  // namespace penstock::http
