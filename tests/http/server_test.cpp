// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/http/server.hpp>

#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/http_site.hpp>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

namespace {

void hello(http::Router& router, Worker&) {
    router.get("/hello/{name}", [](http::Exchange& e) { e.text("Hello, ", e.param("name"), "!\n"); });
    router.post("/echo", [](http::Exchange& e) { e.send(200, Chain(e.share_body())); });
    router.get("/number", [](http::Exchange& e) { e.json({{"n", 7}, {"query", e.query("q")}}); });
    router.get("/throws", [](http::Exchange&) { throw std::runtime_error("on purpose"); });
    router.get("/silent", [](http::Exchange&) {});
}

}  // namespace

TEST_CASE("a request is answered, with its parameter, its type and a date") {
    Site site(hello);
    const auto talk = site.talk("GET /hello/W%C3%B6rld HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(talk.got ==
          "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: text/plain; "
          "charset=utf-8\r\n"
          "x-content-type-options: nosniff\r\ncontent-length: 15\r\n\r\nHello, W\xC3\xB6rld!\n");
    CHECK_FALSE(talk.ended);
    CHECK(body_of(site.talk("GET /number?q=a+b HTTP/1.1\r\nHost: x\r\n\r\n").got) ==
          R"({"n":7,"query":"a b"})");
}

TEST_CASE("HEAD has the length and no body, unknown paths, methods and silent handlers have their status") {
    Site site(hello);
    const auto head = site.talk("HEAD /hello/x HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(head.got.find("content-length: 10\r\n") != std::string::npos);
    CHECK(body_of(head.got).empty());
    CHECK(status_of(site.talk("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").got) == "404");
    const auto put = site.talk("PUT /hello/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    CHECK(status_of(put.got) == "405");
    CHECK(put.got.find("allow: GET, HEAD, OPTIONS\r\n") != std::string::npos);
    CHECK(status_of(site.talk("BREW / HTTP/1.1\r\nHost: x\r\n\r\n").got) == "501");
    CHECK(status_of(site.talk("OPTIONS /hello/x HTTP/1.1\r\nHost: x\r\n\r\n").got) == "204");
    CHECK(status_of(site.talk("GET /throws HTTP/1.1\r\nHost: x\r\n\r\n").got) == "500");
    CHECK(status_of(site.talk("GET /silent HTTP/1.1\r\nHost: x\r\n\r\n").got) == "500");
    CHECK(status_of(site.talk("GET /../x HTTP/1.1\r\nHost: x\r\n\r\n").got) == "400");
}

TEST_CASE("pipelined requests are answered in order, however they arrive") {
    std::string requests, expected;
    for (int i = 0; i < 20; ++i) {
        const auto text = "body " + std::to_string(i);
        requests += "POST /echo HTTP/1.1\r\nHost: x\r\n";
        if (i % 2 == 0)
            requests += "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
        else
            requests += "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n" +
                        std::string(text.size() > 6 ? "3" : "2") + ";x=y\r\n" + text.substr(4) +
                        "\r\n0\r\nTrailer: t\r\n\r\n";
        expected += text;
    }
    requests += "GET /hello/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (const auto seed : seeds(40)) {
        CAPTURE(seed);
        Site site(hello, seed, {.short_transfer = 0.9, .late = 0.5, .delay_max = 2ms});
        const auto talk = site.talk(requests);
        CHECK(talk.ended);
        CHECK_FALSE(talk.error);
        std::string bodies;
        auto rest = talk.got;
        while (!rest.empty()) {
            const auto at = rest.find("content-length: ");
            REQUIRE(at != std::string::npos);
            const auto length = std::stoul(rest.substr(at + 16));
            const auto body = rest.find("\r\n\r\n") + 4;
            bodies += rest.substr(body, length);
            rest.erase(0, body + length);
        }
        CHECK(bodies == expected + "Hello, end!\n");
    }
}

TEST_CASE("HTTP/1.0 closes unless it asks to stay") {
    Site site(hello);
    const auto closes = site.talk("GET /hello/x HTTP/1.0\r\n\r\n");
    CHECK(closes.ended);
    CHECK(closes.got.find("connection: close\r\n") != std::string::npos);
    const auto stays = site.talk("GET /hello/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK_FALSE(stays.ended);
    CHECK(stays.got.find("connection: keep-alive\r\n") != std::string::npos);
}

TEST_CASE("what cannot be read is refused and ends the connection, nothing behind it is answered") {
    Site site(hello);
    const std::string behind = "GET /hello/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    struct Row {
        const char* request;
        const char* status;
    };
    for (const auto& [request, status] : std::initializer_list<Row>{
             {"GET / HTTP/1.1\r\n\r\n", "400"},
             {"GET /\r\n\r\n", "400"},
             {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
              "chunked\r\n\r\n0\r\n\r\n",
              "400"},
             {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"},
             {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
             {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
             {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
             {"GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", "417"},
             {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", "413"},
         }) {
        CAPTURE(request);
        const auto talk = site.talk(request + behind);
        CHECK(status_of(talk.got) == status);
        CHECK(talk.ended);
        CHECK(count_of(talk.got, "HTTP/1.1 ") == 1);
        CHECK(talk.got.find("connection: close\r\n") != std::string::npos);
    }
    std::string many = "GET /hello/x HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 255; ++i) many += "a: b\r\n";
    CHECK(status_of(site.talk(many + "\r\n").got) == "200");
    CHECK(status_of(site.talk(many + "a: b\r\n\r\n").got) == "431");
    CHECK(status_of(
              site.talk("GET /hello/" + std::string(16 * 1024, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n").got) ==
          "414");
}

TEST_CASE("a body at the limit of its route is taken, one byte more is 413, chunked too") {
    Site site([](http::Router& router, Worker&) {
        router.post("/small", [](http::Exchange& e) { e.text(e.body().size()); }).body_bytes_max(100);
    });
    auto post = [&](std::size_t bytes, bool chunked) {
        std::string out = "POST /small HTTP/1.1\r\nHost: x\r\n";
        const std::string text(bytes, 'x');
        if (chunked)
            out += "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" + std::string(bytes == 100 ? "63" : "64") +
                   "\r\n" + text.substr(1) + "\r\n0\r\n\r\n";
        else
            out += "Content-Length: " + std::to_string(bytes) + "\r\n\r\n" + text;
        return site.talk(out);
    };
    for (const bool chunked : {false, true}) {
        CHECK(body_of(post(100, chunked).got) == "100");
        CHECK(status_of(post(101, chunked).got) == "413");
    }
}

TEST_CASE("a head that trickles in is cut by its deadline, an idle connection by its own") {
    Site site(hello, 1, {}, {.head_time_max = 3s, .idle_time_max = 20s});
    const auto slow = site.talk("GET /hel", 10s);
    CHECK(status_of(slow.got) == "408");
    CHECK(slow.ended);
    const auto idle = site.talk("GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n", 19s);
    CHECK_FALSE(idle.ended);
    const auto over = site.talk("GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n", 22s);
    CHECK(over.ended);
}

TEST_CASE("100 Continue is sent when the body is wanted, and not when it is refused") {
    Site site(hello);
    const auto wanted =
        site.talk("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    CHECK(wanted.got == "HTTP/1.1 100 Continue\r\n\r\n");
    const auto refused = site.talk(
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n");
    CHECK(status_of(refused.got) == "413");
}

TEST_CASE("a coroutine handler may wait, it dies when its client leaves") {
    int alive = 0;
    struct Alive {
        explicit Alive(int* c) : count(c) { ++*count; }
        ~Alive() { --*count; }
        Alive(const Alive&) = delete;
        Alive& operator=(const Alive&) = delete;
        int* count;
    };
    Site site([&](http::Router& router, Worker& worker) {
        router.get("/slow/{n}", [&](http::Exchange& e) -> Task<> {
            const Alive mine(&alive);
            co_await worker.sleep(2s);
            e.text("slow ", e.param("n"));
        });
        router.get("/bad", [&](http::Exchange&) -> Task<> {
            co_await worker.sleep(1ms);
            throw std::runtime_error("on purpose");
        });
        router.get("/forgets", [&](http::Exchange&) -> Task<> { co_await worker.sleep(1ms); });
    });
    const auto two =
        site.talk("GET /slow/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /slow/2 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(count_of(two.got, "slow 1") == 1);
    CHECK(two.got.find("slow 1") < two.got.find("slow 2"));
    CHECK(status_of(site.talk("GET /bad HTTP/1.1\r\nHost: x\r\n\r\n").got) == "500");
    CHECK(status_of(site.talk("GET /forgets HTTP/1.1\r\nHost: x\r\n\r\n").got) == "500");
    CHECK(alive == 0);

    auto client = std::make_unique<HttpClient>("GET /slow/3 HTTP/1.1\r\nHost: x\r\n\r\n");
    auto& socket = site.client_worker.connect("10.0.0.1:80", std::move(client));
    site.sim.run_for(1s);
    CHECK(alive == 1);
    {
        const core::Home::Entered entered(&site.client_worker);
        socket.abort();
    }
    site.sim.run_for(100ms);
    CHECK(alive == 0);
}

TEST_CASE("a streaming handler gets its body in pieces and paces it, the response is chunked") {
    struct Count final : http::Handler {
        explicit Count(http::Exchange& e)
            : exchange(e), resume(e.worker(), [this] { exchange.ready_to_read(true); }) {}
        void on_body(http::Exchange& e, Slice piece) override {
            bytes += piece.size();
            e.ready_to_read(false);
            resume.arm(5ms);
        }
        void on_end(http::Exchange& e) override { e.start(201); }
        void on_response(http::Exchange&, http::ResponseHead& head) override {
            head.set("content-type", "text/x");
        }
        void on_writable(http::Exchange& e) override {
            std::ignore = e.write(bytes, " bytes, ");
            if (++lines == 3) e.finish();
        }
        http::Exchange& exchange;
        Timer resume;
        std::size_t bytes = 0;
        int lines = 0;
    };
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Site site(
            [](http::Router& router, Worker&) {
                router.stream(http::Method::put, "/count",
                              [](http::Exchange& e) { return std::make_unique<Count>(e); });
            },
            seed, {.short_transfer = 0.3, .delay_max = 1ms});
        const auto talk = site.talk(
            "PUT /count HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + std::string(300'000, 'x'),
            60s);
        CHECK(status_of(talk.got) == "201");
        CHECK(talk.got.find("transfer-encoding: chunked\r\n") != std::string::npos);
        CHECK(body_of(talk.got) ==
              "e\r\n300000 bytes, \r\ne\r\n300000 bytes, \r\ne\r\n300000 bytes, \r\n0\r\n\r\n");
    }
}

TEST_CASE("a streaming coroutine reads and writes as it goes") {
    Site site(
        [](http::Router& router, Worker&) {
            router.stream(http::Method::post, "/upper", [](http::Exchange& e) -> Task<> {
                e.start(200);
                while (auto piece = co_await e.read()) {
                    std::string text(piece->text());
                    for (char& c : text) c = static_cast<char>(std::toupper(c));
                    if (!taken(e.write(text))) co_return;
                    co_await e.writable();
                }
                e.finish();
            });
        },
        3, {.short_transfer = 0.5});
    const auto talk = site.talk(
        "POST /upper HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n "
        "world\r\n0\r\n\r\n");
    std::string text;
    for (const char c : body_of(talk.got))
        if (std::isupper(c) || c == ' ') text += c;
    CHECK(text == "HELLO WORLD");
}

TEST_CASE("an endless download stops when its reader does, and ends when it leaves") {
    struct Numbers final : http::Handler {
        explicit Numbers(std::size_t* c, int* e) : count(c), ended(e) {}
        ~Numbers() override { ++*ended; }
        void on_request(http::Exchange& e) override { e.start(); }
        void on_end(http::Exchange&) override {}
        void on_writable(http::Exchange& e) override {
            while (e.write(++*count, "\n") == Sent::more) {
            }
        }
        std::size_t* count;
        int* ended;
    };
    std::size_t count = 0;
    int ended = 0;
    Site site([&](http::Router& router, Worker&) {
        router.stream(http::Method::get, "/numbers",
                      [&](http::Exchange&) { return std::make_unique<Numbers>(&count, &ended); });
    });
    auto client = std::make_unique<HttpClient>("GET /numbers HTTP/1.1\r\nHost: x\r\n\r\n");
    auto got = client->got;
    auto& socket = site.client_worker.connect("10.0.0.1:80", std::move(client));
    site.sim.run_for(1ms);
    socket.ready_to_read(false);
    site.sim.run_for(1s);
    const auto stopped = count;
    CHECK(stopped > 1000);
    site.sim.run_for(1s);
    CHECK(count == stopped);
    socket.ready_to_read(true);
    site.sim.run_for(2ms);
    CHECK(count > stopped);
    {
        const core::Home::Entered entered(&site.client_worker);
        socket.abort();
    }
    site.sim.run_for(1s);
    CHECK(ended == 1);
}

TEST_CASE("a drain answers what runs with Connection: close and lets idle connections go") {
    Site site([](http::Router& router, Worker& worker) {
        router.get("/slow", [&](http::Exchange& e) -> Task<> {
            co_await worker.sleep(2s);
            e.text("done");
        });
    });
    auto busy = std::make_unique<HttpClient>("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    auto idle = std::make_unique<HttpClient>("");
    auto got = busy->got;
    auto busy_ended = busy->ended, idle_ended = idle->ended;
    site.client_worker.connect("10.0.0.1:80", std::move(busy));
    site.client_worker.connect("10.0.0.1:80", std::move(idle));
    site.sim.run_for(1s);
    site.worker.drain();
    site.sim.run_for(500ms);
    CHECK(*idle_ended);
    CHECK_FALSE(*busy_ended);
    site.sim.run_for(5s);
    CHECK(*busy_ended);
    CHECK(got->find("connection: close\r\n") != std::string::npos);
    CHECK(body_of(*got) == "done");
    CHECK(site.worker.is_drained());
}

TEST_CASE("an empty line that no request follows does not hold up a drain") {
    for (const char* text :
         {"", "\r\n", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na\r\n"}) {
        CAPTURE(text);
        Site site(hello);
        auto client = std::make_unique<HttpClient>(text);
        auto ended = client->ended;
        site.client_worker.connect("10.0.0.1:80", std::move(client));
        site.sim.run_for(1s);
        CHECK_FALSE(*ended);
        site.worker.drain();
        site.sim.run_for(5s);
        CHECK(*ended);
        CHECK(site.worker.is_drained());
    }
}

TEST_CASE("an upgrade that the drain refuses is answered, and closes") {
    bool is_refused = false;
    Site site([&](http::Router& router, Worker& worker) {
        router.get("/up", [&](http::Exchange& e) -> Task<> {
            co_await worker.sleep(2s);
            const auto upgraded = e.upgrade([](Detached<TcpSocket>) {});
            is_refused = !upgraded;
            if (is_refused) e.fail(503, upgraded.error());
        });
    });
    auto client = std::make_unique<HttpClient>("GET /up HTTP/1.1\r\nHost: x\r\n\r\n");
    auto got = client->got;
    auto ended = client->ended;
    site.client_worker.connect("10.0.0.1:80", std::move(client));
    site.sim.run_for(1s);
    site.worker.drain();
    site.sim.run_for(6s);
    CHECK(is_refused);
    CHECK(status_of(*got) == "503");
    CHECK(*ended);
    CHECK(site.worker.is_drained());
}

TEST_CASE("of many idle connections each is answered whenever it asks again, in two parts too") {
    constexpr auto count = net::RestList::kept_max + 100;
    for (const auto seed : seeds(3)) {
        CAPTURE(seed);
        Site site(hello, seed, {.short_transfer = 0.5, .late = 0.5, .delay_max = 2ms});
        std::vector<HttpClient*> clients;
        for (std::size_t i = 0; i < count; ++i) {
            auto client = std::make_unique<HttpClient>("");
            clients.push_back(client.get());
            site.client_worker.connect("10.0.0.1:80", std::move(client));
        }
        site.sim.run_for(1s);
        const auto say = [&](std::size_t i, std::string_view text) {
            REQUIRE(clients[i]->socket != nullptr);
            std::ignore = clients[i]->socket->write(Bytes(text));
        };
        const std::string request = "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
        for (std::size_t round = 0; round < 4; ++round) {
            for (auto* client : clients) client->got->clear();
            // A third is cut somewhere, while the others ask and rest.
            for (std::size_t i = 0; i < count; i += 3)
                say(i, request.substr(0, 1 + (i + round) % (request.size() - 1)));
            site.sim.run_for(1s);
            for (std::size_t i = 0; i < count; ++i)
                if (i % 3 != 0) say(i, request);
            site.sim.run_for(1s);
            for (std::size_t i = 0; i < count; i += 3)
                say(i, request.substr(1 + (i + round) % (request.size() - 1)));
            site.sim.run_for(1s);
            for (std::size_t i = 0; i < count; ++i) {
                auto* client = clients[i];
                CAPTURE(round);
                CAPTURE(i);
                REQUIRE(client->socket != nullptr);
                CHECK(status_of(*client->got) == "200");
                CHECK(body_of(*client->got) == "body");
            }
        }
        CHECK(site.worker.local<net::RestList>().size() == net::RestList::kept_max);
        CHECK(site.worker.sockets() == count);
        site.worker.drain();
        site.sim.run_for(5s);
        CHECK(site.worker.is_drained());
    }
}

TEST_CASE("a request that was cut in its body is never handed on") {
    int called = 0;
    Site site([&](http::Router& router, Worker&) {
        router.post("/p", [&](http::Exchange& e) {
            ++called;
            e.text("ok");
        });
    });
    struct Cut final : SocketHandler {
        void on_connected(TcpSocket& s) override {
            std::ignore = s.write(Bytes("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
            s.finish();
        }
        void on_read(TcpSocket&, Slice) override {}
    };
    site.client_worker.connect("10.0.0.1:80", std::make_unique<Cut>());
    site.sim.run_for(5s);
    CHECK(called == 0);
    CHECK(site.worker.sockets() == 0);
}
