// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/client.hpp>
#include <penstock/client/known_nodes.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/stream/hello.hpp>

#include <algorithm>
#include <map>
#include <stdexcept>

#include <doctest/doctest.h>
#include <support/client_site.hpp>
#include <support/temporary_folder.hpp>

// What a hostile or broken node, a lost connection and an owner in a hurry do to a client.
using namespace penstock;
using namespace penstock::client;
using namespace penstock::test;

namespace {

/// A channel handler whose callbacks are the test's.
struct Calls {
    std::function<void(stream::Channel&)> make, open, packet, closed;
};
struct CallsChannel final : stream::ChannelHandler {
    explicit CallsChannel(const Calls& c) : calls(c) {}
    Result<void> on_open(stream::Channel& channel, Bytes) override {
        if (calls.open) calls.open(channel);
        return {};
    }
    void on_packet(stream::Channel& channel, stream::Packet) override {
        if (calls.packet) calls.packet(channel);
    }
    void on_closed(stream::Channel& channel, const stream::Closed&) override {
        if (calls.closed) calls.closed(channel);
    }
    const Calls& calls;
};
void add(stream::Channels& channels, const Calls& calls) {
    channels.add('E', [&calls](stream::Channel& channel) -> std::unique_ptr<stream::ChannelHandler> {
        if (calls.make) calls.make(channel);
        return std::make_unique<CallsChannel>(calls);
    });
}

/// How often each path was asked for.
using Counts = std::map<std::string, int>;

void hint(http::Exchange& exchange, crypto::Code code) {
    std::string body;
    stream::append_error_body(body, {.code = code, .text = "says who?"});
    Chain chain;
    chain.append(Bytes(body));
    exchange.send(stream::http_status(code), std::move(chain));
}

/// Starts an answer and adds a byte each second.
struct Trickle final : http::Handler {
    explicit Trickle(http::Exchange& e)
        : tick(e.worker(), [&e] { std::ignore = e.write(std::string_view("x")); }) {}
    void on_request(http::Exchange& e) override {
        e.start(200);
        tick.arm_every(1s);
    }
    void on_end(http::Exchange&) override {}
    Timer tick;
};
struct Silence final : http::Handler {
    void on_end(http::Exchange&) override {}
};

/// Paths that misbehave, beside those of a node.
void routes(http::Router& router, Worker&) {
    router.get("/hello/{name}", [](http::Exchange& e) { e.text("Hello, ", e.param("name"), "!"); });
    router.get("/slow", [](http::Exchange& e) -> Task<> {
        co_await e.worker().sleep(2s);
        e.text("slow");
    });
    router.get("/fields", [](http::Exchange& e) {
        e.response().set("x-colour", "green");
        e.start();
        std::ignore = e.write(std::string_view("streamed"));
        e.finish();
    });
    for (const auto method : {http::Method::post, http::Method::get}) {
        const std::string end = method == http::Method::get ? "/{id}" : "";
        router.stream(method, "/silence" + end, [](http::Exchange&) { return std::make_unique<Silence>(); });
        router.stream(method, "/trickle" + end,
                      [](http::Exchange& e) { return std::make_unique<Trickle>(e); });
        router.on(method, "/key_unknown" + end,
                  [](http::Exchange& e) { hint(e, crypto::Code::key_unknown); });
        router.on(method, "/replay" + end, [](http::Exchange& e) { hint(e, crypto::Code::replay); });
        router.on(method, "/no_session" + end, [](http::Exchange& e) { hint(e, crypto::Code::no_session); });
        router.on(method, "/identity" + end,
                  [](http::Exchange& e) { hint(e, crypto::Code::identity_mismatch); });
    }
    router.post("/later", [](http::Exchange& e) {
        e.response().set("retry-after", "20");
        hint(e, crypto::Code::overload);
    });
    router.post("/never", [](http::Exchange& e) {
        e.response().set("retry-after", "4000000000");
        hint(e, crypto::Code::overload);
    });
    router.post("/garbage", [](http::Exchange& e) {
        e.response().set("content-type", "application/penstock-hs");
        Chain chain;
        chain.append(Bytes(std::string_view("PST1\x02", 5)));
        chain.append(
            Bytes(std::string_view("\0\0 and what is no Noise message, but long enough for one", 57)));
        e.send(200, std::move(chain));
    });
}

/// Runs a program on a host of its own, but not for ever.
template <class F>
void run(StreamSite& site, F program, std::chrono::nanoseconds time = 10min) {
    bool over = false;
    site.site.sim.spawn([&](Worker& worker) -> Task<> {
        co_await program(worker);
        over = true;
    });
    for (std::chrono::nanoseconds passed{0}; passed < time && !over; passed += 100ms)
        site.site.sim.run_for(100ms);
    CHECK(over);
}

/// What is told, as text: "enc_init error".
struct Told {
    void operator()(Client& client, const StageEvent& event) {
        events.push_back(std::string(name(event.stage)) + " " + name(event.status));
        delays.push_back(event.delay);
        last = event;
        if (on_event) on_event(client);
    }
    std::ptrdiff_t count(std::string_view what) const { return std::ranges::count(events, what); }
    std::vector<std::string> events;
    std::vector<std::chrono::milliseconds> delays;
    StageEvent last;
    std::function<void(Client&)> on_event;
};

std::unique_ptr<Client> make(Worker& worker, Settings wanted, Told& told) {
    auto out = std::make_unique<Client>(worker, std::move(wanted));
    out->channels().add('E', [](stream::Channel&) { return std::make_unique<EchoChannel>(); });
    out->on_stage(std::ref(told));
    return out;
}

}  // namespace

// Owners.

TEST_CASE("the callback of one reach may ask for the next stage") {
    StreamSite site(routes, letter_e);
    Told told;
    bool up = false;
    std::unique_ptr<Client> client;
    run(site, [&](Worker& worker) -> Task<> {
        client = make(worker, client_settings(site), told);
        client->reach(Stage::enc_init, [&](Client& c, Result<void> first) {
            CHECK(first);
            CHECK(c.stage() == Stage::enc_init);
            c.reach(Stage::stream_streaming, [&](Client&, Result<void> second) { up = second.has_value(); });
        });
        co_await worker.sleep(20s);
        CHECK(up);
        client.reset();
    });
}

TEST_CASE("a second reach takes the place of the first, which hears of it") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto client = make(worker, client_settings(site), told);
        std::optional<Result<void>> first;
        client->reach(Stage::stream_streaming, [&](Client&, Result<void> result) { first = result; });
        CHECK(co_await client->reach(Stage::enc_init));
        CHECK(client->stage() == Stage::enc_init);
        co_await worker.sleep(1s);
        REQUIRE(first);
        CHECK(first->error() == Error::os(ECANCELED));
    });
    CHECK(told.count("stream_ctl in progress") == 0);
}

TEST_CASE("what is reached already is not walked again, and a lower stage takes nothing away") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto wanted = client_settings(site);
        wanted.always_reconnect = true;
        auto client = make(worker, wanted, told);
        CHECK(co_await client->reach(Stage::begin));
        CHECK(told.events.empty());
        CHECK(co_await client->reach(Stage::enc_init));
        CHECK(co_await client->reach(Stage::enc_init));
        CHECK(co_await client->reach(Stage::begin));
        CHECK(client->stage() == Stage::enc_init);
        CHECK(told.count("stream_ctl in progress") == 0);
        CHECK(co_await client->reach(Stage::stream_ctl));
        CHECK(client->stage() == Stage::stream_ctl);
        CHECK(co_await client->reach(Stage::stream_streaming));
        CHECK(client->stage() == Stage::stream_streaming);
        bool again = false;
        client->reach(Stage::enc_init, [&](Client& c, Result<void> result) {
            again = result.has_value();
            c.session()->abort(Error::os(ECONNRESET));  // the client goes on wanting what it had
        });
        co_await worker.sleep(20s);
        CHECK(again);
        CHECK(client->stage() == Stage::stream_streaming);
        CHECK(client->session() != nullptr);
    });
    CHECK(told.count("enc_init done") + told.count("enc_init complete") == 1);
}

TEST_CASE("a stage that was parked for long goes on, whatever was lost meanwhile, even with one try") {
    for (const auto parked : {Stage::enc_init, Stage::stream_ctl, Stage::stream_session}) {
        CAPTURE(name(parked));
        StreamSite site(routes, letter_e);
        Told told;
        run(
            site,
            [&](Worker& worker) -> Task<> {
                auto client = make(worker, client_settings(site), told);
                CHECK(co_await client->reach(parked));
                co_await worker.sleep(400s);  // the connection, the session and the key are gone
                const auto up = co_await client->reach(Stage::stream_streaming);
                CHECK(up.has_value());
                if (!up) MESSAGE(up.error().message());
            },
            1000s);
    }
}

TEST_CASE("abort stops the walk in every stage, answers who waits, and one may begin again") {
    for (int at = 0; at < 9; ++at) {
        CAPTURE(at);
        StreamSite site(routes, letter_e);
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto client = make(worker, client_settings(site), told);
            std::size_t told_then = 0;
            told.on_event = [&](Client& c) {
                if (static_cast<int>(told.events.size()) != at + 1) return;
                c.abort();
                told_then = told.events.size();
            };
            const auto up = co_await client->reach(Stage::stream_streaming);
            REQUIRE_FALSE(up);
            CHECK(up.error() == Error::os(ECANCELED));
            CHECK(told.events.size() == told_then);
            CHECK(client->stage() == Stage::begin);
            CHECK(client->session() == nullptr);
            co_await worker.sleep(20s);
            CHECK(told.events.size() == told_then);
            told.on_event = {};
            CHECK(co_await client->reach(Stage::stream_streaming));
            client->abort();
            CHECK(client->stage() == Stage::begin);
            client->abort();
        });
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}

TEST_CASE("abort ends what a stage waits for, and what it has put off") {
    StreamSite site(routes, letter_e);
    struct Case {
        const char* what;
        std::function<void(Settings&)> change;
    };
    for (const auto& [what, change] : std::initializer_list<Case>{
             {"back-off", [](Settings& s) { s.uplinks = {"10.0.0.9:1"}, s.backoff_base = 60s; }},
             {"enc_init", [](Settings& s) { s.enc_init_path = "/silence"; }},
             {"stream_ctl", [](Settings& s) { s.enc_path = "/silence"; }},
             {"attach", [](Settings& s) { s.stream_path = "/silence"; }}}) {
        for (const bool closes : {false, true}) {
            CAPTURE(what);
            CAPTURE(closes);
            Told told;
            run(site, [&](Worker& worker) -> Task<> {
                auto wanted = client_settings(site);
                wanted.always_reconnect = true;
                wanted.backoff_max = 60s;
                change(wanted);
                auto client = make(worker, wanted, told);
                std::optional<Result<void>> reached;
                client->reach(Stage::stream_streaming, [&](Client&, Result<void> r) { reached = r; });
                co_await worker.sleep(1s);
                const auto before = told.events.size();
                CHECK_FALSE(reached);
                if (closes)
                    CHECK(co_await client->close());
                else
                    client->abort();
                co_await worker.sleep(100s);
                CHECK(told.events.size() == before);
                REQUIRE(reached);
                CHECK(reached->error() == Error::os(ECANCELED));
                CHECK(client->stage() == Stage::begin);
            });
        }
    }
}

TEST_CASE("abort and then reach, inside the callback of a stage, begins anew") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto client = make(worker, client_settings(site), told);
        bool up = false;
        told.on_event = [&](Client& c) {
            if (told.events.size() != 4) return;
            c.abort();
            c.reach(Stage::stream_streaming, [&](Client&, Result<void> result) { up = result.has_value(); });
        };
        const auto first = co_await client->reach(Stage::stream_streaming);
        CHECK_FALSE(first);
        co_await worker.sleep(10s);
        CHECK(up);
        CHECK(client->session() != nullptr);
    });
}

TEST_CASE("a client that dies in its stage callback is told of nothing more") {
    for (const bool is_down : {false, true})
        for (std::size_t at = 1; at <= 9; ++at) {
            CAPTURE(at);
            StreamSite site(routes, letter_e);
            Told told;
            std::unique_ptr<Client> client;
            bool was_called = false;
            run(site, [&](Worker& worker) -> Task<> {
                auto wanted = client_settings(site);
                if (is_down) wanted.uplinks = {"10.0.0.9:1"};
                wanted.always_reconnect = is_down;
                client = make(worker, wanted, told);
                told.on_event = [&](Client&) {
                    if (told.events.size() == at) client.reset();
                };
                client->reach(Stage::stream_streaming, [&](Client&, Result<void>) { was_called = true; });
                co_await worker.sleep(30s);
            });
            CHECK(client == nullptr);
            CHECK(told.events.size() == at);
            CHECK_FALSE(was_called);
            CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
        }
}

TEST_CASE("a client may die in the callbacks of its channels") {
    for (int where = 0; where < 4; ++where) {
        CAPTURE(where);
        StreamSite site(routes, letter_e);
        std::unique_ptr<Client> client;
        Calls calls;
        const auto dies = [&](stream::Channel&) { client.reset(); };
        (where == 0 ? calls.make : where == 1 ? calls.open : where == 2 ? calls.packet : calls.closed) = dies;
        run(site, [&](Worker& worker) -> Task<> {
            client = std::make_unique<Client>(worker, client_settings(site));
            add(client->channels(), calls);
            client->reach(Stage::stream_streaming, [](Client& c, Result<void>) {
                if (auto* channel = c.channel('E')) std::ignore = channel->send(0x10, "x");
            });
            co_await worker.sleep(5s);
            if (where == 3) {
                REQUIRE(client != nullptr);
                client->session()->abort(Error::os(ECONNRESET));
            }
            co_await worker.sleep(5s);
            CHECK(client == nullptr);
        });
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}

TEST_CASE("a client may die in the callbacks of reach, first contact, request and close") {
    for (int where = 0; where < 4; ++where) {
        CAPTURE(where);
        TemporaryFolder folder;
        StreamSite site(routes, letter_e);
        Told told;
        std::unique_ptr<Client> client;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.uplink_id.reset();
            wanted.known_nodes = folder.file("known_nodes");
            client = make(worker, wanted, told);
            client->on_first_contact([&](Client&, const NodeId&) {
                if (where == 0) client.reset();
            });
            client->reach(Stage::stream_streaming, [&](Client& c, Result<void>) {
                if (where == 1) return client.reset();
                c.request(http::Request::get("/hello/World"), [&](Client& d, Result<http::Response>) {
                    if (where == 2) return client.reset();
                    d.close([&](Client&, Result<void> closed) {
                        CHECK(closed);
                        client.reset();
                    });
                });
            });
            co_await worker.sleep(20s);
            CHECK(client == nullptr);
        });
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}

TEST_CASE("whoever waits when the client dies gets an answer: reach, request, close") {
    for (int what = 0; what < 3; ++what) {
        CAPTURE(what);
        Calls deaf;
        deaf.open = [](stream::Channel& channel) { channel.ready_to_read(false); };
        StreamSite site(routes, [&](stream::Channels& channels, Worker&) { add(channels, deaf); });
        Told told;
        std::unique_ptr<Client> client;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            if (what == 0) wanted.enc_path = "/silence";
            client = make(worker, wanted, told);
            Timer dies(worker, [&] { client.reset(); });
            dies.arm(1s);
            const auto up = co_await client->reach(Stage::stream_streaming);
            if (what == 0) {
                REQUIRE_FALSE(up);
                CHECK(up.error() == Error::os(ECANCELED));
                co_return;
            }
            REQUIRE(up);
            if (what == 1) {
                std::ignore = co_await client->request(http::Request::get("/slow"));
                CHECK(client == nullptr);
                co_return;
            }
            CHECK(taken(client->channel('E')->send(0x10, "nobody takes this")));
            const auto closed = co_await client->close();
            CHECK(client == nullptr);
            CHECK(closed.error() == Error::os(ECANCELED));
        });
    }
}

TEST_CASE("a request that is under way survives a new key, and abort") {
    for (const bool aborts : {false, true}) {
        StreamSite site(routes, letter_e);
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto client = make(worker, client_settings(site), told);
            CHECK(co_await client->reach(Stage::enc_init));
            bool answered = false;
            client->request(http::Request::get("/slow"), [&](Client&, Result<http::Response> slow) {
                answered = true;
                REQUIRE(slow);
                CHECK(slow->body().text() == "slow");
            });
            co_await worker.sleep(1s);
            client->abort();
            if (!aborts) CHECK(co_await client->reach(Stage::enc_init));
            co_await worker.sleep(5s);
            CHECK(answered);
        });
    }
}

// Nodes.

TEST_CASE("a session that ends in the turn in which it began is no success") {
    for (const auto code : {crypto::Code::no_error, crypto::Code::internal})
        for (const auto seed : events::seeds(10)) {
            CAPTURE(seed);
            Calls closes;
            closes.open = [&](stream::Channel& channel) { channel.session().close(code); };
            StreamSite site(
                routes, [&](stream::Channels& channels, Worker&) { add(channels, closes); }, seed);
            Told told;
            run(site, [&](Worker& worker) -> Task<> {
                auto client = make(worker, client_settings(site), told);
                const auto up = co_await client->reach(Stage::stream_streaming);
                if (up) {
                    CHECK(client->session() != nullptr);
                    co_await worker.sleep(1s);
                }
                CHECK(client->session() == nullptr);
                CHECK(client->stage() == Stage::begin);
                CHECK(told.last.status == Status::error);
            });
        }
}

TEST_CASE("our own channel may end the session as it opens") {
    StreamSite site(routes, letter_e);
    Told told;
    Calls closes;
    closes.open = [](stream::Channel& channel) { channel.session().abort(Error::os(ECONNRESET)); };
    run(site, [&](Worker& worker) -> Task<> {
        Client client(worker, client_settings(site));
        add(client.channels(), closes);
        client.on_stage(std::ref(told));
        const auto up = co_await client.reach(Stage::stream_streaming);
        CHECK_FALSE(up);
        CHECK(client.session() == nullptr);
        CHECK(client.stage() == Stage::begin);
    });
}

TEST_CASE("every stage has its deadline, for silence and for a byte now and then") {
    StreamSite site(routes, letter_e);
    struct Case {
        const char* stage;
        std::string Settings::* path;
    };
    for (const std::string how : {"/silence", "/trickle"})
        for (const auto& [stage, path] :
             std::initializer_list<Case>{{"enc_init", &Settings::enc_init_path},
                                         {"stream_ctl", &Settings::enc_path},
                                         {"stream_connected", &Settings::stream_path}}) {
            CAPTURE(how);
            CAPTURE(stage);
            Told told;
            run(site, [&](Worker& worker) -> Task<> {
                auto wanted = client_settings(site);
                wanted.*path = how;
                auto client = make(worker, wanted, told);
                const auto began = worker.now();
                const auto up = co_await client->reach(Stage::stream_streaming);
                CHECK_FALSE(up);
                CHECK(worker.now() - began < 11s);
                CHECK(told.events.back() == std::string(stage) + " error");
            });
        }
}

TEST_CASE("hints in clear, believed never, cost a client no more than a try now and then") {
    StreamSite site(routes, letter_e);
    for (const std::string what : {"/key_unknown", "/replay", "/no_session", "/identity"})
        for (const auto path : {&Settings::enc_path, &Settings::stream_path, &Settings::enc_init_path}) {
            CAPTURE(what);
            Told told;
            run(site, [&](Worker& worker) -> Task<> {
                auto wanted = client_settings(site);
                wanted.*path = what;
                {
                    wanted.tries_max = 3;
                    auto client = make(worker, wanted, told);
                    bool over = false;
                    client->reach(Stage::stream_streaming, [&](Client&, Result<void> up) {
                        over = true;
                        CHECK_FALSE(up);
                    });
                    co_await worker.sleep(60s);
                    CHECK(over);
                }
                told.events.clear();
                wanted.always_reconnect = true;
                auto client = make(worker, wanted, told);
                bool over = false;
                client->reach(Stage::stream_streaming, [&](Client&, Result<void>) { over = true; });
                co_await worker.sleep(120s);
                CHECK_FALSE(over);  // only what is inside encryption makes it give up
                const auto tries = std::ranges::count_if(
                    told.events, [](const auto& event) { return event.ends_with("error"); });
                CHECK(tries >= 5);
                CHECK(tries <= 60);
            });
        }
}

TEST_CASE("a node that asks for time gets it, within reason") {
    for (const std::string path : {"/later", "/never"}) {
        StreamSite site(routes, letter_e);
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.always_reconnect = true;
            wanted.enc_init_path = path;
            auto client = make(worker, wanted, told);
            client->reach(Stage::enc_init, [](Client&, Result<void>) {});
            co_await worker.sleep(300s);
        });
        const auto least = path == "/later" ? 20s : 60s;
        CHECK(told.count("enc_init error") >= 300 / 72);
        CHECK(told.count("enc_init error") <= 300s / least + 1);
        for (std::size_t i = 0; i < told.events.size(); ++i) {
            if (told.events[i] != "enc_init error") continue;
            CHECK(told.delays[i] >= least);
            CHECK(told.delays[i] <= 72s);
        }
    }
}

TEST_CASE("an answer that anybody may have changed is no reason to give up") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto wanted = client_settings(site);
        wanted.always_reconnect = true;
        wanted.enc_init_path = "/garbage";
        auto client = make(worker, wanted, told);
        bool over = false;
        client->reach(Stage::enc_init, [&](Client&, Result<void>) { over = true; });
        co_await worker.sleep(60s);
        CHECK_FALSE(over);
    });
    CHECK(told.count("enc_init error") > 3);
}

TEST_CASE("as many tries as were asked for, each time that one asks") {
    StreamSite site(routes, letter_e);
    for (const unsigned tries : {1u, 3u}) {
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.uplinks = {"10.0.0.9:1"};
            wanted.tries_max = tries;
            auto client = make(worker, wanted, told);
            for (unsigned round = 1; round <= 2; ++round) {
                CHECK_FALSE(co_await client->reach(Stage::enc_init));
                CHECK(told.count("enc_init error") == tries * round);
                CHECK_FALSE(told.last.will_retry);
                CHECK(told.last.attempt == tries);
                CHECK(told.last.delay.count() == 0);
            }
        });
    }
}

TEST_CASE("tries count for a stage even when those before it go well in between") {
    for (const auto path : {&Settings::enc_path, &Settings::stream_path}) {
        StreamSite site(routes, letter_e);
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.*path = path == &Settings::enc_path ? "/key_unknown" : "/hello";
            wanted.tries_max = 2;
            auto client = make(worker, wanted, told);
            CHECK_FALSE(co_await client->reach(Stage::stream_streaming));
        });
        CHECK(told.count("stream_ctl error") + told.count("stream_connected error") <= 4);
    }
}

TEST_CASE("a session that is lost is a failure: one try is over with it, more go on") {
    for (const unsigned tries : {1u, 3u}) {
        StreamSite site(routes, letter_e);
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.tries_max = tries;
            auto client = make(worker, wanted, told);
            CHECK(co_await client->reach(Stage::stream_streaming));
            client->session()->abort(Error::os(ECONNRESET));
            CHECK(told.last.will_retry == (tries > 1));
            co_await worker.sleep(30s);
            CHECK(client->stage() == (tries > 1 ? Stage::stream_streaming : Stage::begin));
            CHECK((client->session() != nullptr) == (tries > 1));
        });
        CHECK(told.count("stream_streaming error") == 1);
    }
}

TEST_CASE("a node that goes down in order is found again, one that closes is left alone") {
    for (const auto code : {crypto::Code::shutdown, crypto::Code::no_error}) {
        std::vector<stream::Channel*> servers;
        Calls calls;
        calls.open = [&](stream::Channel& channel) { servers.push_back(&channel); };
        StreamSite site(routes, [&](stream::Channels& channels, Worker&) { add(channels, calls); });
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.always_reconnect = true;
            auto client = make(worker, wanted, told);
            CHECK(co_await client->reach(Stage::stream_streaming));
            co_await worker.sleep(100ms);
            REQUIRE(servers.size() == 1);
            {
                const core::Home::Entered entered(&site.site.worker);
                servers[0]->session().close(code);
            }
            co_await worker.sleep(60s);
            CHECK(client->stage() ==
                  (code == crypto::Code::shutdown ? Stage::stream_streaming : Stage::begin));
        });
    }
}

TEST_CASE("a node that loses every session at once is not asked without pause") {
    Calls breaks;
    int sessions = 0;
    breaks.open = [&](stream::Channel& channel) {
        ++sessions;
        channel.session().close(crypto::Code::internal);
    };
    StreamSite site(routes, [&](stream::Channels& channels, Worker&) { add(channels, breaks); });
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto wanted = client_settings(site);
        wanted.always_reconnect = true;
        auto client = make(worker, wanted, told);
        client->reach(Stage::stream_streaming, [](Client&, Result<void>) {});
        co_await worker.sleep(120s);
    });
    CHECK(sessions >= 5);
    CHECK(sessions <= 60);
}

TEST_CASE("uplinks are tried one after the other, and one try is all of them") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto wanted = client_settings(site);
        wanted.uplinks = {"10.0.0.9:1", "10.0.0.8:1", "10.0.0.1:80"};
        auto client = make(worker, wanted, told);
        CHECK(co_await client->reach(Stage::stream_streaming));
        client->abort();
        told.events.clear();
        CHECK(co_await client->reach(Stage::stream_streaming));
    });
    CHECK(told.count("enc_init error") == 0);  // the one that answered is asked first
}

TEST_CASE("an uplink that can never be reached is an error at once") {
    StreamSite site(routes, letter_e);
    for (const std::string uplink :
         {"node.example:80", "10.0.0.1:80/path", "10.0.0.1:80?x", "me@10.0.0.1:80", "10.0.0.1:99999", "", " ",
          "10.0.0.1:80\n10.0.0.2:80", "10.0.0.1:0", "10.0.0.1:80#x"}) {
        CAPTURE(uplink);
        Told told;
        run(
            site,
            [&](Worker& worker) -> Task<> {
                auto wanted = client_settings(site);
                wanted.always_reconnect = true;
                wanted.uplinks = {uplink};
                auto client = make(worker, wanted, told);
                CHECK_FALSE(co_await client->reach(Stage::enc_init));
                CHECK_FALSE(co_await client->request_in_clear(http::Request::get("/hello/x")));
            },
            60s);
        CHECK(told.count("enc_init error") == 1);
    }
}

TEST_CASE("a clear request goes to the uplink and nowhere else") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto client = make(worker, client_settings(site), told);
        for (const auto* target : {"@10.0.0.9/x", "0/x", "", "x"})
            CHECK((co_await client->request_in_clear(http::Request::get(target))).error().domain() ==
                  core::Domain::http);
        CHECK(co_await client->request_in_clear(http::Request::get("/hello/x")));
    });
}

TEST_CASE("a certificate that has expired is refused, and so is one that is not valid yet") {
    StreamSite site(routes, letter_e);
    site.site.sim.run_for(std::chrono::hours(24 * 91));
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto wanted = client_settings(site);
        wanted.always_reconnect = true;
        auto client = make(worker, wanted, told);
        const auto up = co_await client->reach(Stage::enc_init);
        REQUIRE_FALSE(up);
        CHECK(up.error() == crypto::error(crypto::Code::cert_expired));
        CHECK(client->node() == nullptr);
        CHECK_FALSE(co_await client->request(http::Request::get("/hello/x")));
    });
}

TEST_CASE("what went wrong is said so that a person can do something about it") {
    StreamSite site(routes, letter_e);
    const auto text_of = [&](std::function<void(Settings&)> change) {
        Told told;
        std::string out;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            change(wanted);
            auto client = make(worker, wanted, told);
            const auto up = co_await client->reach(Stage::stream_streaming);
            if (!up) out = up.error().message();
        });
        return out;
    };
    const auto has = [](const std::string& text, std::string_view part) {
        CAPTURE(text);
        CHECK(text.find(part) != std::string::npos);
    };
    crypto::Secret<32> key;
    key.data()[3] = 9;
    has(text_of([&](Settings& s) { s.network_key = key; }), "network key: this node");
    has(text_of([&](Settings& s) { s.uplinks = {"10.0.0.9:1"}; }), "Connection refused");
    has(text_of([&](Settings& s) { s.uplinks = {"10.0.0.9:1"}; }), "uplink");
    has(text_of([&](Settings& s) { s.uplinks = {}; }), "uplink");
    has(text_of([&](Settings& s) { s.uplink_id = identity(99).id(); }), "another node answers");
    has(text_of([&](Settings& s) { s.uplink_id.reset(); }), "give its id");
    has(text_of([&](Settings& s) { s.identity = nullptr; }), "identity");
    has(text_of([&](Settings& s) { s.enc_init_path = "/hello/x"; }), "no node");
    has(text_of([&](Settings& s) { s.enc_init_path = "/silence"; }), "in time");
}

TEST_CASE("a streamed answer keeps its fields") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto client = make(worker, client_settings(site), told);
        CHECK(co_await client->reach(Stage::enc_init));
        const auto got = co_await client->request(http::Request::get("/fields"));
        REQUIRE(got);
        CHECK(got->status() == 200);
        CHECK(got->body().text() == "streamed");
        CHECK(got->header("x-colour") == "green");
    });
}

TEST_CASE("a client that streams for hours can still ask: a key that went is renewed") {
    for (const auto pause : {std::chrono::seconds(310), std::chrono::seconds(4000)}) {
        StreamSite site(routes, letter_e);
        Told told;
        run(
            site,
            [&](Worker& worker) -> Task<> {
                auto client = make(worker, client_settings(site), told);
                CHECK(co_await client->reach(Stage::stream_streaming));
                co_await worker.sleep(pause);
                const auto got = co_await client->request(http::Request::get("/hello/x"));
                CHECK(got.has_value());
                if (!got) MESSAGE(got.error().message());
                CHECK(client->session() != nullptr);
            },
            5000s);
    }
}

TEST_CASE("requests that find the key gone shake hands once for all of them") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto client = make(worker, client_settings(site), told);
        CHECK(co_await client->reach(Stage::enc_init));
        co_await worker.sleep(400s);
        int answered = 0;
        for (int i = 0; i < 40; ++i)
            client->request(http::Request::get("/hello/x"), [&](Client&, Result<http::Response> got) {
                CHECK(got);
                ++answered;
            });
        co_await worker.sleep(5s);
        CHECK(answered == 40);
    });
}

TEST_CASE("a client may die while its requests wait for a new key") {
    for (const bool awaits : {false, true}) {
        StreamSite site(routes, letter_e, 1, {.delay_max = 200ms});
        Told told;
        std::unique_ptr<Client> client;
        run(site, [&](Worker& worker) -> Task<> {
            client = make(worker, client_settings(site), told);
            CHECK(co_await client->reach(Stage::enc_init));
            co_await worker.sleep(400s);
            Timer dies(worker, [&] { client.reset(); });
            dies.arm(50ms);
            if (awaits) {
                const auto got = co_await client->request(http::Request::get("/hello/x"));
                REQUIRE_FALSE(got);
                CHECK(got.error() == Error::os(ECANCELED));
            } else {
                client->request(http::Request::get("/hello/x"),
                                [](Client&, Result<http::Response>) { CHECK(false); });
            }
            co_await worker.sleep(5s);
        });
    }
}

TEST_CASE("a node that shows what is not its own is refused for good, and is not written down") {
    const auto wrong = [](const std::function<Result<crypto::Certificate>(core::WallTime)>& certificate,
                          crypto::Code code) {
        StreamSite site(routes, letter_e);
        TemporaryFolder folder;
        const auto shown = certificate(site.site.worker.wall());
        REQUIRE(shown);
        stream::NodeKeys keys = *site.keys;
        keys.certificate = *shown;
        {
            const core::Home::Entered entered(&site.site.worker);
            const auto held = std::make_shared<const stream::NodeKeys>(std::move(keys));
            site.site.worker.lend_shared(events::detail::type_index<const stream::NodeKeys>,
                                         std::make_shared<const events::Shared>(events::Shared{held}));
        }
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.always_reconnect = true;
            wanted.uplink_id.reset();
            wanted.known_nodes = folder.file("known_nodes");
            auto client = make(worker, wanted, told);
            const auto up = co_await client->reach(Stage::enc_init);
            REQUIRE_FALSE(up);
            CHECK(up.error() == crypto::error(code));
            CHECK_FALSE(KnownNodes(wanted.known_nodes).find("10.0.0.1:80")->has_value());
            CHECK(client->node() == nullptr);
        });
    };
    const auto node = identity(7), other = identity(50);
    using crypto::Usage;
    wrong([&](auto now) { return node.certificate("node", now - 1h, now + 1h, Usage::client); },
          crypto::Code::cert_untrusted);
    wrong([&](auto now) { return node.certificate("node", now + 1h, now + 2h, Usage::server); },
          crypto::Code::cert_expired);
    wrong([&](auto now) { return node.certificate("node", now - 2h, now - 1h, Usage::server); },
          crypto::Code::cert_expired);
    wrong([&](auto now) { return other.certificate("node", now - 1h, now + 1h, Usage::server); },
          crypto::Code::identity_mismatch);
}

TEST_CASE("when a stage fails at one uplink again and again, the next one has its turn") {
    StreamSite site(routes, letter_e);
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto wanted = client_settings(site);
        wanted.always_reconnect = true;
        wanted.uplinks = {"10.0.0.1:80", "10.0.0.9:1"};
        wanted.enc_path = "/silence";
        auto client = make(worker, wanted, told);
        client->reach(Stage::stream_streaming, [](Client&, Result<void>) {});
        co_await worker.sleep(60s);
    });
    CHECK(told.count("enc_init error") >= 1);
}

TEST_CASE("a callback that throws, or is replaced while it runs, hurts nobody") {
    StreamSite site(routes, letter_e);
    run(site, [&](Worker& worker) -> Task<> {
        Client client(worker, client_settings(site));
        int calls = 0;
        client.on_stage([&calls, text = std::string(100, 'x')](Client& c, const StageEvent&) {
            ++calls;
            c.on_stage([&calls](Client&, const StageEvent&) {
                ++calls;
                throw std::runtime_error("no");
            });
            CHECK(text == std::string(100, 'x'));
        });
        CHECK(co_await client.reach(Stage::enc_init));
        CHECK(calls == 2);
        client.reach(Stage::stream_ctl, [](Client&, Result<void>) { throw std::runtime_error("nor this"); });
        co_await worker.sleep(5s);
        CHECK(client.stage() == Stage::stream_ctl);
    });
}

// Closing.

TEST_CASE("close waits until the peer's application has taken everything, and no longer") {
    for (const auto seed : events::seeds(10)) {
        CAPTURE(seed);
        std::size_t heard = 0;
        Calls slow;
        std::vector<std::unique_ptr<Timer>> timers;
        slow.open = [&](stream::Channel& channel) {
            channel.ready_to_read(false);
            timers.push_back(
                std::make_unique<Timer>(channel.worker(), [&channel] { channel.ready_to_read(true); }));
            timers.back()->arm(3s);
        };
        slow.packet = [&](stream::Channel&) { ++heard; };
        StreamSite site(routes,
                        [&](stream::Channels& channels, Worker&) {
                            channels.add('E', {.instances_max = 4}, [&](stream::Channel&) {
                                return std::make_unique<CallsChannel>(slow);
                            });
                        },
                        seed, {.short_transfer = 0.5, .delay_max = 5ms});
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            Client client(worker, client_settings(site));
            client.channels().add('E', {.instances_max = 4},
                                  [](stream::Channel&) { return std::make_unique<EchoChannel>(); });
            CHECK(co_await client.reach(Stage::stream_streaming));
            const auto began = worker.now();
            CHECK(taken(client.channel('E')->send(0x10, "hello")));
            auto second = client.session()->open('E');
            REQUIRE(second);
            for (int i = 0; i < 20; ++i) CHECK(taken((*second)->send(0x10, std::string(10'000, 'x'))));
            const auto closed = co_await client.close();
            CHECK(closed.has_value());
            CHECK(heard == 21);
            CHECK(worker.now() - began < 4s);
            CHECK(client.stage() == Stage::begin);
            CHECK(client.session() == nullptr);
            co_await worker.sleep(1s);
        });
        timers.clear();
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}

TEST_CASE("close says when not all was taken: in time, or before the session ended") {
    for (int how = 0; how < 3; ++how) {
        CAPTURE(how);
        std::vector<stream::Channel*> servers;
        Calls deaf;
        deaf.open = [&](stream::Channel& channel) {
            channel.ready_to_read(false);
            servers.push_back(&channel);
        };
        StreamSite site(routes, [&](stream::Channels& channels, Worker&) { add(channels, deaf); });
        Told told;
        run(site, [&](Worker& worker) -> Task<> {
            auto wanted = client_settings(site);
            wanted.always_reconnect = true;
            auto client = make(worker, wanted, told);
            CHECK(co_await client->reach(Stage::stream_streaming));
            CHECK(taken(client->channel('E')->send(0x10, "hello")));
            const auto began = worker.now();
            Timer ends(worker, [&] {
                if (how == 1) client->session()->abort(Error::os(ECONNRESET));
                if (how == 2) client->abort();
            });
            ends.arm(2s);
            const auto closed = co_await client->close();
            REQUIRE_FALSE(closed);
            CHECK(closed.error() == (how == 0   ? Error::os(ETIMEDOUT)
                                     : how == 1 ? Error::os(ECONNRESET)
                                                : Error::os(ECANCELED)));
            CHECK((worker.now() - began > 9s) == (how == 0));
            CHECK(client->stage() == Stage::begin);
            co_await worker.sleep(20s);
            CHECK(client->session() == nullptr);  // it does not come back
            CHECK(co_await client->close());      // there is nothing to close any more
        });
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}

TEST_CASE("close twice, reach while it closes, and reach afterwards") {
    Calls slow;
    std::vector<std::unique_ptr<Timer>> timers;
    slow.open = [&](stream::Channel& channel) {
        channel.ready_to_read(false);
        timers.push_back(
            std::make_unique<Timer>(channel.worker(), [&channel] { channel.ready_to_read(true); }));
        timers.back()->arm(3s);
    };
    StreamSite site(routes, [&](stream::Channels& channels, Worker&) { add(channels, slow); });
    Told told;
    run(site, [&](Worker& worker) -> Task<> {
        auto client = make(worker, client_settings(site), told);
        CHECK(co_await client->reach(Stage::stream_streaming));
        CHECK(taken(client->channel('E')->send(0x10, "hello")));
        int closed = 0;
        for (int i = 0; i < 2; ++i)
            client->close([&](Client&, Result<void> result) {
                CHECK(result);
                ++closed;
            });
        CHECK_FALSE(co_await client->reach(Stage::stream_streaming));
        CHECK(closed == 0);
        co_await worker.sleep(5s);
        CHECK(closed == 2);
        CHECK(co_await client->reach(Stage::stream_streaming));
        client->abort();
    });
    timers.clear();
}

// All of it, by chance.

TEST_CASE("whatever is asked of a client in whatever order, everybody is answered once") {
    for (const auto seed : events::seeds(40)) {
        CAPTURE(seed);
        core::SeededRandom random(seed);
        std::vector<stream::Channel*> servers;
        Calls calls;
        calls.open = [&](stream::Channel& channel) {
            servers.push_back(&channel);
            if (random.below(8) == 0) channel.session().close(crypto::Code::internal);
        };
        calls.packet = [&](stream::Channel& channel) {
            if (random.below(20) == 0) channel.session().abort(Error::os(ECONNRESET));
        };
        calls.closed = [&](stream::Channel& channel) { std::erase(servers, &channel); };
        StreamSite site(routes, [&](stream::Channels& channels, Worker&) { add(channels, calls); }, seed,
                        {.short_transfer = 0.3,
                         .late = 0.5,
                         .reset = random.below(2) == 0 ? 0 : 0.01,
                         .delay_max = 50ms});
        int asked = 0, answered = 0;
        bool is_over = false;
        run(
            site,
            [&](Worker& worker) -> Task<> {
                std::unique_ptr<Client> client;
                std::function<void(Client&)> acts;
                // Who asks a client that dies is not answered: those are counted for each client.
                auto open = std::make_shared<int>(0);
                Told told;
                told.on_event = [&](Client& c) {
                    if (!is_over && random.below(12) == 0) acts(c);
                };
                acts = [&](Client& c) {
                    const auto one = [&, mine = open] {
                        ++*mine, ++asked;
                        return [&, mine, once = false](Client& d, const auto&) mutable {
                            CHECK_FALSE(std::exchange(once, true));
                            --*mine, ++answered;
                            if (!is_over && random.below(6) == 0) acts(d);
                        };
                    };
                    switch (random.below(9)) {
                        case 0: return c.reach(Stage::stream_streaming, one());
                        case 1: return c.reach(static_cast<Stage>(random.below(stage_count)), one());
                        case 2: return c.request(http::Request::get("/hello/x"), one());
                        case 3: return c.request(http::Request::get("/slow"), one());
                        case 4: return c.close(one());
                        case 5:
                            if (random.below(3) == 0) c.abort();
                            return;
                        case 6:
                            if (c.session() != nullptr && random.below(2) == 0)
                                c.session()->abort(Error::os(ECONNRESET));
                            return;
                        case 7:
                            if (random.below(4) != 0) return;
                            answered += std::exchange(*open, 0);
                            open = std::make_shared<int>(0);
                            client.reset();
                            return;
                        default:
                            if (auto* channel = c.channel('E')) std::ignore = channel->send(0x10, "x");
                    }
                };
                for (int i = 0; i < 150; ++i) {
                    if (client == nullptr) {
                        auto wanted = client_settings(site);
                        wanted.always_reconnect = random.below(2) == 0;
                        wanted.tries_max = 1 + static_cast<unsigned>(random.below(4));
                        client = make(worker, wanted, told);
                    }
                    acts(*client);
                    co_await worker.sleep(std::chrono::milliseconds(
                        random.below(10) == 0 ? random.below(40'000) : random.below(400)));
                }
                is_over = true;
                if (client != nullptr) client->abort();
                co_await worker.sleep(60s);  // a request to /slow, and what the node keeps
                if (client == nullptr) co_return;
                CHECK(*open == 0);
                CHECK(client->stage() == Stage::begin);
            },
            3h);
        CHECK(answered == asked);
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}
