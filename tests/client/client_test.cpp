// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/client.hpp>
#include <penstock/client/known_nodes.hpp>
#include <penstock/client/transitions.hpp>

#include <fstream>
#include <set>

#include <doctest/doctest.h>
#include <support/client_site.hpp>
#include <support/temporary_folder.hpp>

using namespace penstock;
using namespace penstock::client;
using namespace penstock::test;

namespace {

void routes(http::Router& router, Worker&) {
    router.get("/hello/{name}", [](http::Exchange& e) { e.text("Hello, ", e.param("name"), "!"); });
}

/// Walks to the stream and answers how that went, with the stages that were told.
struct Walk {
    Result<void> result;
    std::vector<std::string> told;
};
Walk walk(StreamSite& site, const Settings& wanted, const char* letter = "E") {
    Walk out;
    bool over = false;
    site.site.sim.spawn([&](Worker& worker) -> Task<> {
        Client client(worker, wanted);
        client.channels().add(letter[0], [](stream::Channel&) { return std::make_unique<EchoChannel>(); });
        client.on_stage([&](Client&, const StageEvent& event) {
            out.told.push_back(std::string(name(event.stage)) + ": " + name(event.status) +
                               (event.error ? " " + event.error.message() : ""));
        });
        out.result = co_await client.reach(Stage::stream_streaming);
        over = true;
    });
    const auto ran = site.site.sim.run();
    CHECK(ran.has_value());
    CHECK(over);
    return out;
}

}  // namespace

TEST_CASE("the table names only what can happen, once, and every stage can be stopped") {
    std::set<std::pair<Stage, Fact>> seen;
    for (const auto& row : transitions()) CHECK(seen.emplace(row.from, row.fact).second);
    for (const auto stage :
         {Stage::enc_init, Stage::stream_ctl, Stage::stream_session, Stage::stream_connected}) {
        REQUIRE(find(stage, Fact::done) != nullptr);
        CHECK(static_cast<int>(find(stage, Fact::done)->to) == static_cast<int>(stage) + 1);
        CHECK(find(stage, Fact::stop) != nullptr);
        CHECK(find(stage, Fact::unreachable)->action == Action::retry);
        CHECK_FALSE(find(stage, Fact::unreachable)->is_fatal);
    }
    CHECK(find(Stage::enc_init, Fact::mistrust)->is_fatal);
    CHECK(find(Stage::begin, Fact::lost) == nullptr);
    CHECK(fact_of(Error::os(ECONNREFUSED)) == Fact::unreachable);
    CHECK(fact_of(crypto::error(crypto::Code::identity_mismatch)) == Fact::mistrust);
}

TEST_CASE("a client walks its stages, talks through a channel, asks encrypted and in clear, and closes") {
    for (const auto seed : events::seeds(25)) {
        CAPTURE(seed);
        StreamSite site(routes, letter_e, seed, {.short_transfer = 0.5, .delay_max = 5ms});
        std::vector<std::string> heard, told;
        site.site.sim.spawn([&](Worker& worker) -> Task<> {
            Client client(worker, client_settings(site));
            client.channels().add('E', [&](stream::Channel&) { return std::make_unique<Ear>(heard); });
            client.on_stage([&](Client&, const StageEvent& event) {
                told.push_back(std::string(name(event.stage)) + " " + name(event.status));
            });
            const auto up = co_await client.reach(Stage::stream_streaming);
            CHECK(up.has_value());
            if (!up) {
                MESSAGE(up.error().message());
                co_return;
            }
            CHECK(*client.node() == site.keys->identity->id());
            for (int i = 0; i < 50; ++i)
                CHECK(taken(client.channel('E')->send(0x10, "line " + std::to_string(i))));
            auto hello = co_await client.request(http::Request::get("/hello/World"));
            REQUIRE(hello.has_value());
            CHECK(hello->body().text() == "Hello, World!");
            auto clear = co_await client.request_in_clear(http::Request::get("/hello/clear"));
            REQUIRE(clear.has_value());
            CHECK(clear->body().text() == "Hello, clear!");
            co_await worker.sleep(5s);
            const auto closed = co_await client.close();
            CHECK(closed.has_value());
            co_await worker.sleep(1s);
        });
        const auto ran = site.site.sim.run();
        REQUIRE(ran.has_value());
        REQUIRE(heard.size() == 50);
        for (int i = 0; i < 50; ++i) CHECK(heard[static_cast<std::size_t>(i)] == "line " + std::to_string(i));
        CHECK(told == std::vector<std::string>{"enc_init in progress", "enc_init done",
                                               "stream_ctl in progress", "stream_ctl done",
                                               "stream_session in progress", "stream_session done",
                                               "stream_connected in progress", "stream_connected done",
                                               "stream_streaming complete"});
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}

TEST_CASE("each thing that is wrong ends in its own error, in the stage where it shows") {
    StreamSite site(routes, letter_e);
    auto closed_port = client_settings(site);
    closed_port.uplinks = {"10.0.0.9:1"};
    auto walked = walk(site, closed_port);
    REQUIRE_FALSE(walked.result);
    CHECK(walked.result.error() == Error::os(ECONNREFUSED));
    CHECK(walked.told.back().starts_with("enc_init: error"));

    auto other = client_settings(site);
    other.uplink_id = identity(99).id();
    CHECK(walk(site, other).result.error() == crypto::error(crypto::Code::identity_mismatch));

    auto unknown = client_settings(site);
    unknown.uplink_id.reset();
    CHECK(walk(site, unknown).result.error() == crypto::error(crypto::Code::cert_untrusted));

    auto anonymous = client_settings(site);
    anonymous.identity = nullptr;
    walked = walk(site, anonymous);
    CHECK(walked.result.error() == crypto::error(crypto::Code::auth_required));
    CHECK(walked.told.back().starts_with("stream_ctl: error"));

    CHECK(walk(site, client_settings(site), "Q").result.error() ==
          crypto::error(crypto::Code::channel_unknown));

    crypto::Secret<32> key;
    key.data()[3] = 9;
    auto wrong_key = client_settings(site);
    wrong_key.network_key = key;
    CHECK(walk(site, wrong_key).result.error() == crypto::error(crypto::Code::network_key));

    StreamSite picky(routes, letter_e, 1, {}, {.any = false, .listed = {}});
    CHECK(walk(picky, client_settings(picky)).result.error() == crypto::error(crypto::Code::auth_refused));
}

TEST_CASE("what is no node is told apart") {
    StreamSite reference(routes, letter_e);
    Site plain(routes);
    bool over = false;
    plain.sim.spawn([&](Worker& worker) -> Task<> {
        Client client(worker, client_settings(reference));
        const auto up = co_await client.reach(Stage::stream_streaming);
        CHECK_FALSE(up.has_value());
        CHECK(up.error().message() == "this is no node: it has no such path");
        over = true;
    });
    REQUIRE(plain.sim.run());
    CHECK(over);
}

TEST_CASE("the first contact is written down, another node at that address is refused later") {
    TemporaryFolder folder;
    StreamSite site(routes, letter_e);
    auto first = client_settings(site);
    first.uplink_id.reset();
    first.known_nodes = folder.file("known_nodes");
    CHECK(walk(site, first).result.has_value());
    CHECK(**KnownNodes(first.known_nodes).find("10.0.0.1:80") == site.keys->identity->id());
    CHECK(walk(site, first).result.has_value());

    StreamSite impostor(routes, letter_e, 1, {}, {.any = true}, {}, 66);
    CHECK(walk(impostor, first).result.error() == crypto::error(crypto::Code::identity_mismatch));

    auto strict = first;
    strict.known_nodes = folder.file("none");
    strict.trusts_first = false;
    CHECK(walk(site, strict).result.error() == crypto::error(crypto::Code::cert_untrusted));

    std::ofstream(folder.file("bad")) << "10.0.0.1:80 nonsense\n";
    strict.known_nodes = folder.file("bad");
    CHECK_FALSE(walk(site, strict).result.has_value());
}

TEST_CASE("a client that always reconnects finds its node again, with a new session") {
    StreamSite site(routes, letter_e);
    std::vector<std::string> told;
    site.site.sim.spawn([&](Worker& worker) -> Task<> {
        auto wanted = client_settings(site);
        wanted.always_reconnect = true;
        Client client(worker, wanted);
        client.channels().add('E', [](stream::Channel&) { return std::make_unique<EchoChannel>(); });
        client.on_stage([&](Client&, const StageEvent& event) {
            if (event.status == Status::complete || event.status == Status::error)
                told.push_back(name(event.status));
        });
        const auto up = co_await client.reach(Stage::stream_streaming);
        CHECK(up.has_value());
        client.session()->abort(Error::os(ECONNRESET));
        co_await worker.sleep(60s);
        CHECK(client.stage() == Stage::stream_streaming);
    });
    REQUIRE(site.site.sim.run());
    CHECK(told.front() == "complete");
    CHECK(told.back() == "complete");
    CHECK(std::ranges::find(told, "error") != told.end());
}

TEST_CASE("a client may die at any time: in a stage, in its callback, while it streams") {
    for (int at = 0; at < 12; ++at) {
        CAPTURE(at);
        StreamSite site(routes, letter_e);
        int events_seen = 0;
        site.site.sim.spawn([&](Worker& worker) -> Task<> {
            auto client = std::make_unique<Client>(worker, client_settings(site));
            client->channels().add('E', [](stream::Channel&) { return std::make_unique<EchoChannel>(); });
            client->on_stage([&](Client&, const StageEvent&) {
                if (events_seen++ == at) worker.bury(std::move(client));
            });
            client->reach(Stage::stream_streaming, [](Client&, Result<void>) {});
            co_await worker.sleep(100ms);
            if (client != nullptr) client.reset();
            co_await worker.sleep(30s);
        });
        REQUIRE(site.site.sim.run());
        CHECK(site.site.worker.local<stream::SessionTable>().size() == 0);
    }
}
