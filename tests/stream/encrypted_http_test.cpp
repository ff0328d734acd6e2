// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/client_handshake.hpp>
#include <penstock/stream/encrypted_http.hpp>
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/encrypted_response.hpp>
#include <penstock/stream/hello.hpp>
#include <penstock/stream/session_keys.hpp>
#include <penstock/stream/session_table.hpp>

#include <cstdio>
#include <optional>

#include <doctest/doctest.h>
#include <support/http_site.hpp>

using namespace penstock;
using namespace penstock::stream;
using namespace penstock::test;
using crypto::Code;

namespace {

void inner_routes(http::Router& router, Worker& worker) {
    router.get("/hello/{name}", [](http::Exchange& e) {
        const auto* node = e.peer().node_id();
        e.text("Hello, ", e.param("name"), node != nullptr ? " of " + node->text() : std::string());
    });
    router.post("/echo", [](http::Exchange& e) { e.send(200, Chain(e.share_body())); });
    router.get("/secret", [](http::Exchange& e) { e.text("inside only"); }).encrypted_only();
    router.get("/slow", [&worker](http::Exchange& e) -> Task<> {
        co_await worker.sleep(2s);
        e.text("slow");
    });
    struct Long final : http::Handler {
        void on_request(http::Exchange& e) override { e.start(); }
        void on_end(http::Exchange&) override {}
        void on_writable(http::Exchange& e) override {
            while (next < 100'000)
                if (e.write(next++, " ") != Sent::more) return;
            e.finish();
        }
        int next = 0;
    };
    router.stream(http::Method::get, "/long", [](http::Exchange&) { return std::make_unique<Long>(); });
    /// Its answer breaks off when its head has left already: from `on_writable`,
    /// or by a message of its own.
    struct Broken final : http::Handler {
        void on_request(http::Exchange& e) override { e.start(); }
        void on_end(http::Exchange&) override {}
        void on_writable(http::Exchange& e) override {
            if (++pieces > 40) return e.fail(500, Error::os(EIO, "the disk is broken"));
            std::ignore = e.write(std::string(10'000, 'x'));
        }
        int pieces = 0;
    };
    router.stream(http::Method::get, "/broken", [](http::Exchange&) { return std::make_unique<Broken>(); });
    /// Somebody holds its exchange until the end of the turn in which it ends.
    struct Held final : http::Handler {
        explicit Held(Worker& w) : worker(w) {}
        void on_request(http::Exchange& e) override { e.start(); }
        void on_end(http::Exchange&) override {}
        void on_writable(http::Exchange& e) override {
            e.finish();
            look(worker, e.remote(), 30);
        }
        static void look(Worker& worker, Remote<http::Exchange> exchange, int left) {
            if (auto* here = exchange.here()) here->ready_to_write(true);
            if (left > 0) worker.later([&worker, exchange, left] { look(worker, exchange, left - 1); });
        }
        Worker& worker;
    };
    router.stream(http::Method::get, "/held",
                  [&worker](http::Exchange&) { return std::make_unique<Held>(worker); });
    router.stream(http::Method::put, "/count", [](http::Exchange& e) -> Task<> {
        std::size_t bytes = 0;
        while (auto piece = co_await e.read()) bytes += piece->size();
        e.text(bytes);
    });
}

crypto::Identity identity(std::uint64_t seed) {
    core::SeededRandom random(seed);
    return crypto::Identity::make(random);
}

/// A node in the simulation, to which clients speak by hand.
struct EncryptedSite {
    explicit EncryptedSite(ClientPolicy policy = {.any = true}, ServiceSettings settings = {},
                           std::vector<crypto::Secret<32>> network_keys = {})
        : site([&](http::Router& router, Worker& worker) {
              inner = std::make_shared<http::Router>();
              inner_routes(*inner, worker);
              inner_routes(router, worker);
              auto made = NodeKeys::make(std::make_shared<const crypto::Identity>(identity(7)), "node",
                                         worker.wall(), policy, network_keys);
              REQUIRE(made);
              keys = *made;
              worker.lend_shared(events::detail::type_index<const NodeKeys>,
                                 std::make_shared<const events::Shared>(events::Shared{keys}));
              worker.make_local<EncryptedHttp>(worker, 1u, inner, settings).add_to(router);
          }) {}

    SessionTable& with_sessions() {
        const core::Home::Entered entered(&site.worker);
        return site.worker.make_local<SessionTable>(site.worker, std::make_shared<Channels>(), 8u);
    }
    std::string post(const std::string& path, const std::string& body, bool chunked = false) {
        const std::string head = "POST " + path + " HTTP/1.1\r\nHost: x\r\n";
        if (!chunked)
            return site.talk(head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body).got;
        std::string pieces;
        for (std::size_t at = 0; at < body.size(); at += 1000) {
            const auto part = body.substr(at, 1000);
            char size[32];
            std::snprintf(size, sizeof size, "%zx\r\n", part.size());
            pieces += size + part + "\r\n";
        }
        return site.talk(head + "Transfer-Encoding: chunked\r\n\r\n" + pieces + "0\r\n\r\n").got;
    }

    std::shared_ptr<http::Router> inner;
    std::shared_ptr<const NodeKeys> keys;
    Site site;
};

std::string whole_body(const std::string& response) {
    const auto body = body_of(response);
    if (response.find("transfer-encoding: chunked") == std::string::npos) return body;
    std::string out;
    for (std::size_t at = 0;;) {
        const auto size = std::stoul(body.substr(at, 20), nullptr, 16);
        if (size == 0) return out;
        at = body.find("\r\n", at) + 2;
        out += body.substr(at, size);
        at += size + 2;
    }
}

struct EncryptedClient {
    explicit EncryptedClient(EncryptedSite& s, const crypto::Identity* who = nullptr,
                             const crypto::Secret<32>* network = nullptr,
                             crypto::Suite suite = crypto::Suite::aes_gcm,
                             std::chrono::seconds valid_for = 24h)
        : site(s), random(99) {
        const auto now = s.site.worker.wall();
        if (who != nullptr)
            certificate = *who->certificate("client", now - 1h, now + valid_for, crypto::Usage::client);
        ClientSetup setup;
        setup.suite = suite;
        setup.network_key = network;
        setup.static_key = who != nullptr ? &who->static_key() : nullptr;
        setup.certificate = certificate ? &*certificate : nullptr;
        handshake.emplace(algorithms, random, setup);
    }
    Result<void> shake_hands(const std::string& path = "/enc_init") {
        handshake_hello = handshake->hello();
        reply = site.post(path, handshake_hello);
        if (status_of(reply) != "200") return fail(Error::user(std::stoi(status_of(reply)), "refused"));
        auto read = handshake->read(Bytes(body_of(reply)), site.site.worker.wall(), {});
        if (!read) return fail(read);
        offer = std::move(*read);
        auto third = handshake->message_3();
        if (!third) return fail(third);
        message_3 = std::string(third->text());
        return {};
    }
    std::string seal(std::string_view method, std::string_view path, const std::string& body = {},
                     bool with_message_3 = true, bool streams = false) {
        std::string inner;
        std::optional<std::uint64_t> length;
        if (!streams) length = body.size();
        REQUIRE(append_inner_request(inner, {method, path}, {}, length));
        inner += body;
        last_inner = inner;
        prefix = {};
        prefix.key_id = offer->terms.key_id;
        prefix.n = n++;
        prefix.salt = random.bytes<16>();
        prefix.is_streaming = streams;
        if (with_message_3) prefix.message_3 = message_3;
        std::string out;
        append_request(ciphers, request_message_key(algorithms, handshake->key(), prefix.n, prefix.salt),
                       prefix, inner, out);
        return out;
    }
    struct Answer {
        int outer = 0, status = 0;
        std::string body{};
    };
    Answer open(const std::string& response) {
        Answer out;
        out.outer = std::stoi(status_of(response));
        auto body = whole_body(response);
        if (out.outer != 200) {
            const auto error = parse_error_body(body);
            out.status = error ? static_cast<int>(error->code) : -1;
            return out;
        }
        const bool is_streaming = parse_response_prefix(Bytes(body))->is_streaming;
        const auto opened = open_response(algorithms, ciphers, handshake->key(), prefix.n, prefix.salt,
                                          std::as_writable_bytes(std::span(body)));
        REQUIRE(opened);
        const auto inner = parse_inner_response(Bytes(*opened), is_streaming);
        REQUIRE(inner);
        last_reply = Bytes(*opened).text();
        out.status = inner->status;
        out.body = std::string(Bytes(*opened).from(inner->head_bytes).text());
        return out;
    }
    Answer request(std::string_view method, std::string_view path, const std::string& body = {},
                   bool with_message_3 = false, bool chunked = false, bool streams = false) {
        return open(site.post("/enc", seal(method, path, body, with_message_3, streams), chunked));
    }
    Answer first(std::string_view path) { return request("GET", path, {}, true); }

    EncryptedSite& site;
    core::SeededRandom random;
    crypto::Algorithms algorithms;
    Ciphers ciphers{algorithms};
    std::optional<crypto::Certificate> certificate;
    std::optional<ClientHandshake> handshake;
    std::optional<ServerOffer> offer;
    std::string reply, message_3, handshake_hello, last_inner, last_reply;
    RequestPrefix prefix;
    std::uint64_t n = 0;
};

int code(Code c) { return static_cast<int>(c); }

}  // namespace

TEST_CASE(
    "a handler cannot tell an encrypted request from a plain one, but by "
    "its peer") {
    for (const auto suite : {crypto::Suite::aes_gcm, crypto::Suite::chacha_poly}) {
        EncryptedSite site;
        const auto who = identity(8);
        EncryptedClient client(site, &who, nullptr, suite);
        REQUIRE(client.shake_hands());
        CHECK(client.offer->certificate.node() == site.keys->identity->id());
        const auto hello = client.first("/hello/World");
        CHECK(hello.status == 200);
        CHECK(hello.body == "Hello, World of " + who.id().text());
        CHECK(client.request("GET", "/secret").body == "inside only");
        CHECK(status_of(site.site.talk("GET /secret HTTP/1.1\r\nHost: x\r\n\r\n").got) == "404");
        CHECK(client.request("GET", "/nowhere").status == 404);
        CHECK(client.request("POST", "/echo", std::string(50'000, 'x')).body == std::string(50'000, 'x'));
        CHECK(client.request("POST", "/echo", std::string(50'000, 'y'), false, true).body ==
              std::string(50'000, 'y'));
        CHECK(client.request("PUT", "/count", std::string(200'000, 'y'), false, true, true).body == "200000");
        CHECK(client.request("POST", "/echo", std::string(2'000'000, 'x')).status == 413);
        CHECK(client.request("HEAD", "/hello/x").body.empty());
        std::string all;
        for (int i = 0; i < 100'000; ++i) all += std::to_string(i) + " ";
        CHECK(client.request("GET", "/long").body == all);
        CHECK(client.request("GET", "/slow").body == "slow");
    }
}

TEST_CASE("an anonymous client is served, but is nobody") {
    EncryptedSite site;
    EncryptedClient client(site);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/World").body == "Hello, World");
}

TEST_CASE("a replayed request is refused, and one out of order is not") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    const auto first = client.seal("GET", "/hello/a");
    CHECK(client.open(site.post("/enc", first)).status == 200);
    const auto again = client.open(site.post("/enc", first));
    CHECK(again.outer == 400);
    CHECK(again.status == code(Code::replay));
    client.n = 10;
    CHECK(client.request("GET", "/hello/b").status == 200);
    client.n = 5;
    CHECK(client.request("GET", "/hello/b").status == 200);
    client.n = 5;
    CHECK(client.request("GET", "/hello/b").status == code(Code::replay));
}

TEST_CASE(
    "a flipped byte anywhere in a request, or a cut, is refused in "
    "clear, and hurts nobody else") {
    ServiceSettings settings;
    settings.key_idle_max = settings.key_life_max = 24h;  // each request takes five virtual seconds
    EncryptedSite site({.any = true}, settings);
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/a").status == 200);
    const auto good = client.seal("GET", "/hello/b", {}, false);
    for (std::size_t at = 0; at < good.size(); ++at) {
        CAPTURE(at);
        auto bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 1);
        CHECK(status_of(site.post("/enc", bad)) == "400");
    }
    for (std::size_t cut = 0; cut < good.size(); cut += 7)
        CHECK(status_of(site.post("/enc", good.substr(0, cut))) == "400");
    CHECK(client.open(site.post("/enc", good)).status == 200);
}

TEST_CASE("four bad messages 3 erase a key that was never used") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    const auto good = client.message_3;
    client.message_3[5] = static_cast<char>(client.message_3[5] ^ 1);
    for (int i = 0; i < 4; ++i) CHECK(client.first("/hello/a").status == code(Code::handshake));
    client.message_3 = good;
    CHECK(client.first("/hello/a").status == code(Code::key_unknown));
}

TEST_CASE(
    "a key dies when it was not used, when it idled, and when its life "
    "is over") {
    ServiceSettings settings;
    settings.key_fresh_max = 30s;
    settings.key_idle_max = 100s;
    settings.key_life_max = 250s;
    EncryptedSite site({.any = true}, settings);
    auto wait = [&](std::chrono::seconds time) { site.site.sim.run_for(time); };
    EncryptedClient unused(site), idle(site), old(site);
    REQUIRE(unused.shake_hands());
    wait(31s);
    CHECK(unused.first("/hello/a").status == code(Code::key_unknown));

    REQUIRE(idle.shake_hands());
    CHECK(idle.first("/hello/a").status == 200);
    wait(90s);
    CHECK(idle.request("GET", "/hello/a").status == 200);
    wait(101s);
    CHECK(idle.request("GET", "/hello/a").status == code(Code::key_unknown));

    REQUIRE(old.shake_hands());
    CHECK(old.first("/hello/a").status == 200);
    for (int i = 0; i < 2; ++i) {
        wait(90s);
        CHECK(old.request("GET", "/hello/a").status == 200);
    }
    wait(90s);
    CHECK(old.request("GET", "/hello/a").status == code(Code::key_unknown));
    CHECK(site.site.worker.local<EncryptedHttp>().keys().size() == 0);
}

TEST_CASE("who is not listed is nobody, who lacks the network key is told so") {
    const auto who = identity(8), other = identity(9);
    EncryptedSite listed({.any = false, .listed = {who.id()}});
    EncryptedClient known(listed, &who), stranger_client(listed, &other);
    REQUIRE(known.shake_hands());
    REQUIRE(stranger_client.shake_hands());
    CHECK(known.first("/hello/a").body == "Hello, a of " + who.id().text());
    CHECK(stranger_client.first("/hello/a").body == "Hello, a");

    crypto::Secret<32> right, wrong;
    right.data()[0] = 1;
    wrong.data()[0] = 2;
    EncryptedSite closed({.any = true}, {}, {right});
    EncryptedClient inside(closed, &who, &right), outside(closed, &who, &wrong), without(closed, &who);
    REQUIRE(inside.shake_hands());
    CHECK(inside.first("/hello/a").status == 200);
    for (auto* client : {&outside, &without}) {
        CHECK_FALSE(client->shake_hands());
        const auto body = body_of(client->reply);
        CHECK(parse_error_body(body)->code == Code::network_key);
    }
}

TEST_CASE(
    "handshakes of one address are limited by bucket, and by keys that "
    "nobody vouches for") {
    ServiceSettings settings;
    settings.anonymous_keys_per_address_max = 3;
    EncryptedSite site({.any = true}, settings);
    int made = 0;
    for (int i = 0; i < 4; ++i) {
        EncryptedClient one(site);
        if (one.shake_hands()) ++made;
    }
    CHECK(made == 3);
    RateLimit bucket(1, 5);
    const core::TimePoint now{1h};
    for (int i = 0; i < 5; ++i) CHECK(bucket.take(Address("192.0.2.1:1"), now));
    CHECK_FALSE(bucket.take(Address("192.0.2.1:9"), now));
    CHECK(bucket.take(Address("192.0.2.2:1"), now));
    CHECK(bucket.take(Address("192.0.2.1:1"), now + 1s));
    CHECK_FALSE(bucket.take(Address("192.0.2.1:1"), now + 1s));
    CHECK(stranger(Address("[2001:db8::1]:1")) == stranger(Address("[2001:db8::ffff:1]:1")));
    CHECK(stranger(Address("[2001:db8:0:1::1]:1")) != stranger(Address("[2001:db8::1]:1")));
}

TEST_CASE("what does not belong is refused") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/a").status == 200);
    CHECK(client.request("BREW", "/hello/a").status == 501);
    CHECK(status_of(site.post("/enc_init", "not a hello")) == "400");
    CHECK(status_of(site.post("/enc_init", std::string(5000, 'x'))) == "413");
    CHECK(status_of(site.site.talk("GET /enc HTTP/1.1\r\nHost: x\r\n\r\n").got) == "405");
}

TEST_CASE(
    "a handler that fails when half of its answer has left cuts the "
    "connection, and nothing else") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/a").status == 200);
    const auto broken = client.seal("GET", "/broken", {}, false);
    const auto cut =
        site.site.talk("POST /enc HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(broken.size()) +
                       "\r\n\r\n" + broken);
    CHECK(status_of(cut.got) == "200");
    CHECK(cut.ended);
    CHECK(cut.got.find("0\r\n\r\n") == std::string::npos);
    CHECK(client.request("GET", "/hello/b").status == 200);
}

TEST_CASE("whoever holds an exchange when it ends holds nothing") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/held").status == 200);
    CHECK(client.request("GET", "/hello/b").status == 200);
}

TEST_CASE(
    "a body that does not open, or is not as long as it says, is told by "
    "its code") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/a").status == 200);
    for (const bool chunked : {false, true}) {
        auto bad = client.seal("PUT", "/count", std::string(50'000, 'x'), false, true);
        bad[40'000] = static_cast<char>(bad[40'000] ^ 1);
        const auto got = site.post("/enc", bad, chunked);
        CHECK(status_of(got) == "400");
        CHECK(count_of(got, "content-type:") == 1);
        const auto error = parse_error_body(body_of(got));
        REQUIRE(error);
        CHECK(error->code == Code::decrypt);
    }
}

TEST_CASE("bytes behind the final record are refused before anything is done") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/a").status == 200);
    const auto post = [&](const std::string& request, const std::string& more) {
        std::string text = "POST /enc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (const auto& part : {request, more}) {
            char size[32];
            std::snprintf(size, sizeof size, "%zx\r\n", part.size());
            if (!part.empty()) text += size + part + "\r\n";
        }
        return site.site.talk(text + "0\r\n\r\n").got;
    };
    CHECK(client.open(post(client.seal("GET", "/hello/b", {}, false), {})).status == 200);
    const auto whole = client.open(post(client.seal("GET", "/hello/b", {}, false), "more"));
    CHECK(whole.outer == 400);
    CHECK(whole.status == code(Code::protocol));
    const auto streamed =
        client.open(post(client.seal("PUT", "/count", std::string(50'000, 'x'), false, true), "more"));
    CHECK(streamed.outer == 400);
    CHECK(streamed.status == code(Code::protocol));
}

TEST_CASE(
    "the paths of the protocol, whatever they are called, are not there "
    "inside") {
    ServiceSettings settings;
    settings.enc_init_path = "/shake";
    settings.enc_path = "/closed";
    settings.stream_path = "/river";
    EncryptedSite site({.any = true}, settings);
    auto& service = site.site.worker.local<EncryptedHttp>();
    {
        const core::Home::Entered entered(&site.site.worker);
        service.add_to(*site.inner);
    }
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands("/shake"));
    CHECK(client.open(site.post("/closed", client.seal("GET", "/hello/a"))).status == 200);
    const auto keys = service.keys().size();
    const auto matryoshka = client.seal("GET", "/hello/b", {}, false);
    CHECK(client.open(site.post("/closed", client.seal("POST", "/closed", matryoshka, false))).status == 403);
    CHECK(client.open(site.post("/closed", client.seal("POST", "/shake", client.handshake_hello, false)))
              .status == 403);
    CHECK(service.keys().size() == keys);
    CHECK(client.open(site.post("/closed", client.seal("GET", "/river/" + id_text({}), {}, false))).status ==
          403);
}

TEST_CASE("a node without sessions says so") {
    EncryptedSite site;
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/a").status == 200);
    const AttachField field{1, {}};
    CHECK(status_of(site.site
                        .talk("GET /stream/" + id_text({}) +
                              " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
                              "penstock/1\r\nPenstock-Attach: " +
                              attach_field_text(field) + "\r\n\r\n")
                        .got) == "404");
    std::string open, ask;
    append(open, OpenRequest{});
    append(ask, AskRequest{});
    for (const auto& body : {open, ask}) {
        const auto answer = client.request("POST", "/stream_ctl", body);
        CHECK(answer.status == 200);
        const auto status = parse_status(answer.body);
        REQUIRE(status);
        CHECK(*status == Code::no_session);
    }
}

TEST_CASE(
    "a session lives no longer than the certificate, and is not asked to "
    "ping all the time") {
    EncryptedSite site;
    auto& sessions = site.with_sessions();
    const auto who = identity(8);
    EncryptedClient client(site, &who, nullptr, crypto::Suite::aes_gcm, 60s);
    REQUIRE(client.shake_hands());
    OpenRequest request;
    request.ping = 0ms;
    std::string body;
    append(body, request);
    const auto opened = client.request("POST", "/stream_ctl", body, true);
    REQUIRE(opened.status == 200);
    const auto reply = parse_open_reply(opened.body);
    REQUIRE(reply);
    CHECK(reply->life <= 60s);
    CHECK(reply->life >= 40s);
    CHECK(sessions.size() == 1);

    const auto secret = session_secret(client.algorithms, client.handshake->key().exporter, client.last_inner,
                                       client.last_reply);
    ClientAttach attach(client.algorithms, crypto::Suite::aes_gcm, attach_psk(client.algorithms, secret),
                        {.session = reply->session, .sequence = 1});
    const AttachField field{1, attach.message_1(client.random)};
    auto stream = std::make_unique<HttpClient>("GET /stream/" + id_text(reply->session) +
                                               " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
                                               "penstock/1\r\nPenstock-Attach: " +
                                               attach_field_text(field) + "\r\n\r\n");
    const auto got = stream->got;
    site.site.client_worker.connect("10.0.0.1:80", std::move(stream));
    site.site.sim.run_for(5s);
    CHECK(status_of(*got) == "101");
    CHECK(got->size() < 2000);
    CHECK(sessions.size() == 1);
    site.site.sim.run_for(reply->life - 15s);
    CHECK(sessions.size() == 1);
    site.site.sim.run_for(15s);
    CHECK(sessions.size() == 0);
}

TEST_CASE("a body that is not as long as it says is refused before anybody hears of the request") {
    EncryptedSite site;
    site.with_sessions();
    const auto who = identity(8);
    EncryptedClient client(site, &who);
    REQUIRE(client.shake_hands());
    CHECK(client.first("/hello/a").status == 200);
    std::string ask;
    append(ask, AskRequest{});
    const auto status = [&](InnerRequestLine line, const std::string& body, std::uint64_t announced) {
        std::string inner, out;
        REQUIRE(append_inner_request(inner, line, {}, announced));
        client.prefix = {.key_id = client.offer->terms.key_id, .n = client.n++};
        append_request(client.ciphers,
                       request_message_key(client.algorithms, client.handshake->key(), client.prefix.n,
                                           client.prefix.salt),
                       client.prefix, inner + body, out);
        return client.open(site.post("/enc", out)).status;
    };
    CHECK(status({"POST", "/stream_ctl"}, ask, ask.size()) == 200);
    CHECK(status({"POST", "/stream_ctl"}, ask, ask.size() + 1) == 403);
    CHECK(status({"GET", "/hello/a"}, {}, 0) == 200);
    CHECK(status({"GET", "/hello/a"}, "x", 0) == 403);
    for (const auto& line : {InnerRequestLine{"POST", "/echo"}, InnerRequestLine{"PUT", "/count"}}) {
        CHECK(status(line, "12345", 5) == 200);
        CHECK(status(line, "12345", 4) == 403);
        CHECK(status(line, "12345", 6) == 403);
    }
}

TEST_CASE("what was refused is counted, each kind on its own") {
    EncryptedSite site;
    const auto& counters = site.site.worker.local<EncryptedHttp>().counters();
    site.post("/enc_init", "not a hello");
    CHECK(counters.handshakes_refused.value() == 1);
    CHECK(counters.requests_refused.value() == 0);
    site.post("/enc", "not a request");
    CHECK(counters.handshakes_refused.value() == 1);
    CHECK(counters.requests_refused.value() == 1);
    const auto late = identity(8);
    EncryptedClient client(site, &late, nullptr, crypto::Suite::aes_gcm, 10s);
    REQUIRE(client.shake_hands());
    site.site.sim.run_for(20s);
    CHECK(client.first("/hello/a").status == 403);  // the certificate is expired
    CHECK(counters.requests_refused.value() == 2);
    CHECK(counters.requests.value() == 0);
}
