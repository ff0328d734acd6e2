// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/version.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/http/client.hpp>
#include <penstock/http/server.hpp>

#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/http_site.hpp>

using namespace penstock;
using namespace penstock::events;

namespace {

using http::Client;
using http::Request;
using http::Response;

enum class Next { keep, close, abort, stop_reading };
struct Step {
    std::string text;
    Next next = Next::keep;
};
/// Answers each head that arrives with text. Numbers count from 0.
using Script = std::function<Step(int connection, int request, const std::string& head)>;

/// A server that says what it is told to.
struct Scripted {
    struct Talk final : SocketHandler {
        Talk(Scripted& s, int n) : server(s), number(n) {}
        void on_read(TcpSocket& socket, Slice slice) override {
            got += slice.text();
            for (auto end = got.find("\r\n\r\n"); end != std::string::npos; end = got.find("\r\n\r\n")) {
                const auto head = got.substr(0, end + 4);
                got.erase(0, end + 4);
                server.heads.push_back(head);
                const auto step = server.script(number, requests++, head);
                if (!step.text.empty()) std::ignore = socket.write(Bytes(step.text));
                if (step.next == Next::close) socket.close();
                if (step.next == Next::abort) socket.abort();
                if (step.next == Next::stop_reading) socket.ready_to_read(false);
            }
        }
        Scripted& server;
        const int number;
        int requests = 0;
        std::string got;
    };

    explicit Scripted(Script s, std::uint64_t seed = 1, Faults faults = {})
        : sim(seed, faults), script(std::move(s)) {
        auto& host = sim.add_host();
        const core::Home::Entered entered(&host);
        REQUIRE(host.listen("10.0.0.1:80", [this](TcpSocket& socket) {
            last = &socket;
            return std::make_unique<Talk>(*this, connections++);
        }));
    }
    /// Runs a coroutine beside it.
    template <class F>
    void run(F program) {
        sim.spawn(std::move(program));
        REQUIRE(sim.run());
    }

    Simulation sim;
    Script script;
    int connections = 0;
    std::vector<std::string> heads;
    TcpSocket* last = nullptr;  // of the newest connection
};

/// Our own server on one simulated host, clients on others.
struct Own {
    explicit Own(std::function<void(http::Router&, Worker&)> routes, std::uint64_t seed = 1,
                 Faults faults = {})
        : sim(seed, faults), host(sim.add_host()) {
        const core::Home::Entered entered(&host);
        auto router = std::make_shared<http::Router>();
        routes(*router, host);
        REQUIRE(host.make_local<http::Server>(host, Address("10.0.0.1:80"), router).start());
    }
    template <class F>
    void run(F program) {
        sim.spawn(std::move(program));
        REQUIRE(sim.run());
    }
    Simulation sim;
    Worker& host;
};

Step ok(const std::string& body) {
    return {"HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
}

const std::string base = "http://10.0.0.1";

void routes(http::Router& router, Worker& worker) {
    router.get("/hello/{name}", [](http::Exchange& e) { e.text("Hello, ", e.param("name"), "!\n"); });
    router.post("/echo", [](http::Exchange& e) {
        e.response().set("x-type", e.header("content-type"));
        e.send(201, Chain(e.share_body()));
    });
    router.get("/fields", [](http::Exchange& e) {
        std::string out;
        for (const auto field : e.head().fields())
            out.append(field.name).append("=").append(field.value).append("\n");
        e.text(out);
    });
    router.get("/none", [](http::Exchange& e) { e.send(204, {}); });
    router.get("/slow", [&worker](http::Exchange& e) -> Task<> {
        co_await worker.sleep(2s);
        e.text("slow");
    });
    router.stream(http::Method::get, "/pieces", [](http::Exchange& e) -> Task<> {
        e.start(200);
        for (int i = 0; i < 1000; ++i) {
            if (!taken(e.write("piece ", i, "\n"))) co_return;
            co_await e.writable();
        }
        e.finish();
    });
}

}  // namespace

TEST_CASE("get, post, HEAD and 204 against our own server, all on one kept connection") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Own own(routes, seed, {.short_transfer = 0.7, .delay_max = 5ms});
        own.run([](Worker& worker) -> Task<> {
            auto& web = worker.local<Client>();
            const auto hello = co_await web.get(base + "/hello/W%C3%B6rld#part");
            REQUIRE(hello);
            CHECK(hello->status() == 200);
            CHECK(hello->body().text() == "Hello, W\xC3\xB6rld!\n");
            CHECK(hello->header("Content-Type") == "text/plain; charset=utf-8");

            const std::string large(100'000, 'x');
            const auto echo = co_await web.post(base + "/echo", large, "text/x");
            REQUIRE(echo);
            CHECK(echo->status() == 201);
            CHECK(echo->header("x-type") == "text/x");
            CHECK(echo->body().text() == large);

            const auto head = co_await web.send(Request(http::Method::head, base + "/hello/x"));
            REQUIRE(head);
            CHECK(head->header("content-length") == "10");
            CHECK(head->body().empty());

            const auto none = co_await web.get(base + "/none");
            REQUIRE(none);
            CHECK(none->status() == 204);

            const auto pieces = co_await web.get(base + "/pieces");
            REQUIRE(pieces);
            CHECK(pieces->header("transfer-encoding") == "chunked");
            CHECK(pieces->body().size() == 9890);
            CHECK(pieces->body().text().ends_with("piece 998\npiece 999\n"));

            const auto missing = co_await web.get(base + "/nowhere?x=1");
            REQUIRE(missing);
            CHECK(missing->status() == 404);
            CHECK(web.connections() == 1);
            CHECK(web.idle() == 1);
        });
    }
}

TEST_CASE("Host, User-Agent and what frames are the client's, other fields are sent as they are") {
    Own own(routes);
    own.run([](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        auto request = Request::get(base + ":80/fields");
        for (const std::string name : {"Content-Length", "transfer-encoding", "Connection", "upgrade", "TE",
                                       "Expect", "trailer", "keep-alive"})
            request.fields().add(name, "close, chunked");
        request.header("x-mine", "a\r\nb: c");
        const auto plain = co_await web.send(std::move(request));
        REQUIRE(plain);
        CHECK(plain->body().text() ==
              "host=10.0.0.1\nuser-agent=penstock/" + std::string(core::version()) + "\nx-mine=a  b: c\n");
        auto named = Request::get(base + "/fields");
        named.header("host", "example.org");
        named.header("user-agent", "me");
        const auto own_host = co_await web.send(std::move(named));
        REQUIRE(own_host);
        CHECK(own_host->body().text() == "host=example.org\nuser-agent=me\n");
    });
}

TEST_CASE("callbacks come once, never inside the call, requests run side by side") {
    Own own(routes);
    auto& worker = own.sim.add_host();
    auto& web = worker.local<Client>();
    std::vector<std::string> got;
    std::vector<http::Call> calls;
    {
        const core::Home::Entered entered(&worker);
        auto keep = [&](Result<Response> response) {
            got.push_back(response ? std::string(response->body().text()) : response.error().message());
        };
        calls.push_back(web.get(base + "/slow", keep));
        calls.push_back(web.post(base + "/echo", "abc", "text/x", keep));
        calls.push_back(web.get("ftp://x/", keep));
        web.get(base + "/hello/x", keep).release();
        CHECK(got.empty());
        CHECK(calls[2].is_running());
    }
    own.sim.run_for(1s);
    CHECK(got.size() == 3);
    CHECK(calls[0].is_running());
    CHECK_FALSE(calls[1].is_running());
    own.sim.run_for(2s);
    REQUIRE(got.size() == 4);
    CHECK(got[0] == "only absolute http:// URLs are taken");
    CHECK(got[3] == "slow");
    CHECK(web.idle() == 3);
    own.sim.run_for(30s);  // idle_time_max
    CHECK(web.connections() == 0);
    CHECK(worker.sockets() == 0);
}

TEST_CASE("what cannot be sent is an error, and so is a host that refuses") {
    Own own(routes);
    own.run([](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        struct Row {
            const char* url;
            const char* text;
        };
        static constexpr Row rows[] = {
            {"/hello", "only absolute http:// URLs are taken"},
            {"https://10.0.0.1/", "only absolute http:// URLs are taken"},
            {"http://example.org/", "names are not resolved yet: write an address"},
            {"http://10.0.0.1:0/", "the port of a URL is 1 to 65535"},
            {"http://10.0.0.1/a b", "the URL has characters that must be written as %XX"},
            {"http://10.0.0.9/", "connect: Connection refused"},
            {"http://localhost:1/", "connect: Connection refused"},
        };
        for (const auto& row : rows) {
            CAPTURE(row.url);
            const auto response = co_await web.get(row.url);
            REQUIRE_FALSE(response);
            CHECK(response.error().message() == row.text);
        }
        const auto connect = co_await web.send(Request(http::Method::connect, base));
        REQUIRE_FALSE(connect);
        CHECK(connect.error() == Error(core::Domain::http, 400, ""));
        CHECK(web.connections() == 0);
    });
}

TEST_CASE("a bad response is an error that says what, and its connection is not used again") {
    struct Row {
        const char* text;
        Next next;
        const char* error;  // null: it is fine
        int connections = 2;
    };
    for (const auto& row : std::initializer_list<Row>{
             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", Next::keep, nullptr, 1},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", Next::keep, nullptr,
              1},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nt: u\r\n\r\n",
              Next::keep, nullptr, 1},
             {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", Next::keep, nullptr,
              1},
             {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", Next::keep, nullptr},
             {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", Next::keep, nullptr},
             {"HTTP/1.1 200 OK\r\n\r\na", Next::close, nullptr},
             {"HTTP/1.0 200 OK\r\n\r\na", Next::close, nullptr},
             {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 "
              "OK\r\nContent-Length: 1\r\n\r\na",
              Next::keep, nullptr, 1},
             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
              Next::keep, nullptr},
             {"SSH-2.0-OpenSSH\r\n", Next::keep, "malformed status line"},
             {"HTTP/2.0 200 OK\r\n\r\n", Next::keep, "HTTP version"},
             {"HTTP/1.1 099 X\r\n\r\n", Next::keep, "status out of range"},
             {"HTTP/1.1 2000 OK\r\n\r\n", Next::keep, "malformed status line"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", Next::keep,
              "Content-Length twice"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
              Next::keep, "Content-Length beside Transfer-Encoding"},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Next::keep, "unknown transfer coding"},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", Next::keep, ""},
             {"HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\na", Next::keep,
              "a body beside a status that has none"},
             {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Next::keep,
              "101 to a request that did not ask to upgrade"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", Next::close,
              "the connection ended inside the response"},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", Next::close,
              "the connection ended inside the response"},
             {"HTTP/1.1 200 OK\r\nContent-Le", Next::close, "the connection ended inside the response"},
             {"", Next::close, "the connection ended without a response"},
             {"", Next::abort, "receive: Connection reset by peer"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n", Next::keep,
              "the body is longer than the limit"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n", Next::keep,
              "the body is longer than the limit"},
         }) {
        for (const std::uint64_t seed : {1, 2, 3}) {
            CAPTURE(row.text);
            CAPTURE(seed);
            Scripted server(
                [&](int, int, const std::string& head) -> Step {
                    return head.starts_with("GET /first") ? Step{row.text, row.next} : ok("second");
                },
                seed, {.short_transfer = seed == 1 ? 0 : 0.8});
            server.run([&](Worker& worker) -> Task<> {
                auto& web = worker.local<Client>();
                const auto first = co_await web.get(base + "/first");
                if (row.error == nullptr) {
                    REQUIRE_MESSAGE(first.has_value(), first.error().message());
                    CHECK(first->body().text() == "a");
                } else {
                    REQUIRE_FALSE(first);
                    if (*row.error != 0) CHECK(first.error().message() == row.error);
                }
                const auto second = co_await web.get(base + "/second");
                REQUIRE_MESSAGE(second.has_value(), second.error().message());
                CHECK(second->body().text() == "second");
            });
            // Bytes behind a response may come when it is whole; then the connection goes while it is idle.
            CHECK(server.connections == row.connections);
        }
    }
}

TEST_CASE("heads, interim responses and bodies are taken up to their limits") {
    auto told = [](const std::string& text) {
        Scripted server([&](int, int, const std::string&) -> Step { return {text, Next::close}; });
        Error error;
        server.run([&](Worker& worker) -> Task<> {
            http::ClientSettings settings;
            settings.reply.body_bytes_max = 1000;
            Client web(worker, settings);
            const auto response = co_await web.get(base);
            if (!response) error = response.error();
        });
        return error;
    };
    const std::string start = "HTTP/1.1 200 OK\r\n", end = "Content-Length: 0\r\n\r\n";
    const auto field = [](std::size_t bytes) { return "a: " + std::string(bytes - 5, 'x') + "\r\n"; };
    const std::size_t fields_max = http::Limits().fields_bytes_max;
    CHECK_FALSE(told(start + field(fields_max - end.size()) + end));
    CHECK(told(start + field(fields_max - end.size() + 1) + end).code() == 431);

    std::string interim;
    for (int i = 0; i < 16; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    CHECK_FALSE(told(interim + start + end));
    CHECK(told(interim + "HTTP/1.1 100 Continue\r\n\r\n" + start + end).message() ==
          "too many interim responses");

    const std::string whole(1000, 'b');
    const auto length = [&](std::size_t n) {
        return start + "Content-Length: " + std::to_string(n) + "\r\n\r\n";
    };
    const auto chunk = start + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + whole + "\r\n";
    CHECK_FALSE(told(length(1000) + whole));
    CHECK_FALSE(told(chunk + "0\r\n\r\n"));
    CHECK_FALSE(told(start + "\r\n" + whole));
    for (const auto& text :
         {length(1001) + whole + "b", chunk + "1\r\nb\r\n0\r\n\r\n", start + "\r\n" + whole + "b"})
        CHECK(told(text).message() == "the body is longer than the limit");
}

TEST_CASE("a body that goes on until the end is not whole when the connection is reset") {
    for (const bool is_reset : {true, false}) {
        Scripted server([](int, int, const std::string&) -> Step { return {"HTTP/1.1 200 OK\r\n\r\nhalf"}; });
        server.run([&](Worker& worker) -> Task<> {
            auto& web = worker.local<Client>();
            int answers = 0;
            auto check = [&](Result<Response> response) {
                ++answers;
                CHECK(response.has_value() == !is_reset);
            };
            const auto call = web.get(base, check);
            co_await worker.sleep(1s);
            CHECK(answers == 0);
            if (is_reset)
                server.last->abort();
            else
                server.last->close();
            co_await worker.sleep(1s);
            CHECK(answers == 1);
            CHECK(web.connections() == 0);
        });
    }
}

TEST_CASE("bytes that nobody asked for, on a kept connection, end it") {
    Scripted server([](int, int request, const std::string&) { return ok(std::to_string(request)); });
    server.run([&](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        CHECK((co_await web.get(base))->body().text() == "0");
        CHECK((co_await web.get(base))->body().text() == "1");
        CHECK(web.idle() == 1);
        std::ignore = server.last->write(Bytes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
        co_await worker.sleep(1s);
        CHECK(web.connections() == 0);
        CHECK((co_await web.get(base))->body().text() == "0");
    });
    CHECK(server.connections == 2);
}

TEST_CASE("a silent or trickling server runs into the deadline, connections are given back") {
    Scripted server([](int, int, const std::string& head) -> Step {
        if (head.starts_with("GET /head")) return {"HTTP/1.1 200 OK\r\n"};
        if (head.starts_with("GET /body")) return {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"};
        return {};
    });
    server.run([](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        for (const std::string path : {"/silent", "/head", "/body"}) {
            const auto before = worker.now();
            const auto response = co_await web.get(base + path);
            REQUIRE_FALSE(response);
            CHECK(response.error() == Error(core::Domain::http, 504, ""));
            CHECK(worker.now() - before >= 30s);
            CHECK(worker.now() - before < 31s);
            CHECK(web.connections() == 0);
        }
        const auto before = worker.now();
        http::CallOptions options;
        options.time_max = 200ms;
        const auto response = co_await web.send(Request::get(base), options);
        CHECK_FALSE(response);
        CHECK(worker.now() - before < 201ms);
    });
}

TEST_CASE("a request on a kept connection that had ended is sent again only if that cannot harm") {
    struct Row {
        http::Method method;
        Step second;
        bool is_repeated;
    };
    using http::Method;
    for (const auto& row : std::initializer_list<Row>{
             {Method::get, {"", Next::close}, true},
             {Method::head, {"", Next::close}, true},
             {Method::put, {"", Next::abort}, true},
             {Method::del, {"", Next::abort}, true},
             {Method::options, {"", Next::close}, true},
             {Method::post, {"", Next::close}, false},
             {Method::post, {"", Next::abort}, false},
             {Method::patch, {"", Next::close}, false},
             {Method::get, {"H", Next::close}, false},
             {Method::get, {"HTTP/1.1 100 Continue\r\n\r\n", Next::close}, false},
         }) {
        CAPTURE(http::name(row.method));
        CAPTURE(row.second.text);
        Scripted server([&](int connection, int request, const std::string& head) -> Step {
            if (connection == 0 && request == 1) return row.second;
            return head.starts_with("HEAD") ? Step{"HTTP/1.1 200 OK\r\n\r\n"} : ok("fine");
        });
        server.run([&](Worker& worker) -> Task<> {
            auto& web = worker.local<Client>();
            CHECK(co_await web.get(base));
            CHECK(web.idle() == 1);
            const auto second = co_await web.send(Request(row.method, base));
            CHECK(second.has_value() == row.is_repeated);
        });
        CHECK(server.heads.size() == (row.is_repeated ? 3 : 2));
        CHECK(server.connections == (row.is_repeated ? 2 : 1));
    }
}

TEST_CASE("on a fresh connection nothing is sent twice, and a repetition is not repeated") {
    Scripted server([](int, int request, const std::string&) -> Step {
        return request == 0 ? ok("x") : Step{"", Next::close};
    });
    server.script = [](int connection, int request, const std::string&) -> Step {
        if (connection == 0 && request == 0) return ok("x");
        return {"", Next::close};
    };
    server.run([](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        CHECK(co_await web.get(base));
        CHECK_FALSE(co_await web.get(base));
        CHECK_FALSE(co_await web.get(base));
        CHECK(web.connections() == 0);
    });
    CHECK(server.heads.size() == 4);
    CHECK(server.connections == 3);
}

TEST_CASE("whatever the network does: no request runs twice by stealth, and no response goes to another") {
    std::size_t failed = 0, fine = 0;
    for (const auto seed : seeds(60)) {
        CAPTURE(seed);
        std::map<std::string, int> executed;
        auto count = [&](http::Exchange& e) {
            ++executed[std::string(e.method_text()) + std::string(e.param("id"))];
            e.text("answer ", e.param("id"));
        };
        Own own(
            [&](http::Router& router, Worker&) {
                router.get("/r/{id}", count);
                router.post("/r/{id}", count);
            },
            seed, {.short_transfer = 0.4, .reset = 0.01, .delay_max = 3ms});
        auto program = [&](Worker& worker) -> Task<> {
            http::ClientSettings settings;
            settings.connections_per_host_max = 3;
            Client web(worker, settings);
            std::vector<http::Call> calls;
            int answers = 0;
            for (int i = 0; i < 40; ++i) {
                const auto id = std::to_string(i);
                auto check = [&, id](Result<Response> response) {
                    ++answers;
                    ++(response ? fine : failed);
                    if (response) CHECK(response->body().text() == "answer " + id);
                };
                if (i % 2 == 0)
                    calls.push_back(web.get(base + "/r/" + id, check));
                else
                    calls.push_back(web.post(base + "/r/" + id, "body", "text/x", check));
                CHECK(web.connections() <= 3);
                if (i % 5 == 4) co_await worker.sleep(2ms);
            }
            co_await worker.sleep(60s);
            CHECK(answers == 40);
            CHECK(web.connections() == 0);
        };
        own.run(std::move(program));
        for (const auto& [id, times] : executed) {
            CAPTURE(id);
            CHECK(times <= (id.starts_with("GET") ? 2 : 1));
        }
    }
    CHECK(failed > 50);
    CHECK(fine > 500);
}

TEST_CASE("connections and waiting requests of a host are limited, hosts do not wait for each other") {
    Own own(routes);
    auto& worker = own.sim.add_host();
    http::ClientSettings settings;
    settings.connections_per_host_max = 2;
    settings.waiting_per_host_max = 3;
    auto& web = worker.make_local<Client>(worker, settings);
    int fine = 0;
    std::vector<Error> errors;
    auto note = [&](Result<Response> response) {
        if (response)
            ++fine;
        else
            errors.push_back(response.error());
    };
    {
        const core::Home::Entered entered(&worker);
        for (int i = 0; i < 6; ++i) web.get(base + "/slow", note).release();
        web.get("http://10.0.0.1:81/slow", note).release();
    }
    own.sim.run_for(1s);
    CHECK(fine == 0);
    REQUIRE(errors.size() == 2);
    CHECK(errors[0] == Error(core::Domain::http, 503, ""));
    CHECK(errors[1] == Error::os(ECONNREFUSED));
    CHECK(web.connections() == 2);
    own.sim.run_for(4s);
    CHECK(fine == 4);
    own.sim.run_for(2s);
    CHECK(fine == 5);
    CHECK(web.idle() == 2);
}

TEST_CASE("whoever lets go of a request cancels it and its connection, the place is free again") {
    Own own(routes);
    auto& worker = own.sim.add_host();
    http::ClientSettings settings;
    settings.connections_per_host_max = 1;
    auto& web = worker.make_local<Client>(worker, settings);
    auto never = [](Result<Response>) { FAIL("answered"); };
    int answers = 0;
    auto count = [&](Result<Response> response) {
        CHECK(response);
        ++answers;
    };
    for (const auto after : {0us, 5us, 30us, 100us, 1'000'000us}) {
        CAPTURE(after.count());
        const core::Home::Entered entered(&worker);
        {
            auto first = web.get(base + "/slow", never);
            auto waiting = web.get(base + "/slow", never);
            web.get("ftp://x/", never).cancel();
            own.sim.run_for(after);
            auto moved = std::move(first);
            CHECK(moved.is_running());
            CHECK(waiting.is_running());
        }
        web.get(base + "/hello/x", count).release();
        CHECK(web.connections() == 1);
        own.sim.run_for(1s);
    }
    own.sim.run_for(10s);
    CHECK(answers == 5);
}

TEST_CASE("a coroutine that dies at its co_await cancels its request, a Reply that is dropped does, too") {
    Own own(routes);
    auto& worker = own.sim.add_host();
    auto& web = worker.local<Client>();
    struct Root final : events::detail::TaskRoot {
        using TaskRoot::TaskRoot;
        void on_finished(std::exception_ptr) override { FAIL("finished"); }
    };
    auto program = [](Client& client) -> Task<> {
        const auto response = co_await client.get(base + "/slow");
        FAIL("went on");
    };
    const core::Home::Entered entered(&worker);
    Root root(worker);
    root.start(program(web));
    own.sim.run_for(1s);
    CHECK(web.connections() == 1);
    root.destroy();
    CHECK(web.connections() == 0);
    own.sim.run_for(10ms);
    CHECK(worker.sockets() == 0);
    {
        const auto dropped = web.get(base + "/slow");
    }
    CHECK(web.connections() == 0);
    own.sim.run_for(10s);
}

TEST_CASE("the end of the client: who awaits gets an error, callbacks do not come, connections go") {
    Own own(routes);
    auto& worker = own.sim.add_host();
    auto web = std::make_unique<Client>(worker);
    Error error;
    auto wait = [&]() -> Task<> {
        const auto fine = co_await web->get(base + "/hello/x");
        CHECK(fine);
        const auto response = co_await web->get(base + "/slow");
        error = response.error();
    };
    const core::Home::Entered entered(&worker);
    worker.spawn(wait());
    auto call = web->get(base + "/slow", [](Result<Response>) { FAIL("answered"); });
    own.sim.run_for(1s);
    CHECK(worker.sockets() == 2);
    web.reset();
    CHECK_FALSE(call.is_running());
    own.sim.run_for(1s);
    CHECK(error == Error::os(ECANCELED));
    CHECK(worker.sockets() == 0);

    // In a callback of its own, with one that waits behind it.
    http::ClientSettings settings;
    settings.connections_per_host_max = 1;
    web = std::make_unique<Client>(worker, settings);
    int answers = 0;
    web->get(base + "/hello/x",
             [&](Result<Response>) {
                 ++answers;
                 web.reset();
             })
        .release();
    web->get(base + "/hello/y", [](Result<Response>) { FAIL("answered"); }).release();
    own.sim.run_for(1s);
    CHECK(answers == 1);
    CHECK(worker.sockets() == 0);
}

TEST_CASE("a large body goes as the server takes it, also one above a socket's hard limit") {
    Own own([](http::Router& router, Worker&) {
        router.stream(http::Method::put, "/count", [](http::Exchange& e) -> Task<> {
            std::size_t bytes = 0;
            while (auto piece = co_await e.read()) bytes += piece->size();
            e.text(bytes);
        });
        router.post("/small", [](http::Exchange& e) { e.text("?"); }).body_bytes_max(1000);
    });
    own.run([](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        constexpr std::size_t bytes = 20'000'000;
        Request put(http::Method::put, base + "/count");
        put.body(Buffer::copy(std::string(bytes, 'x')));
        const auto counted = co_await web.send(std::move(put));
        REQUIRE_MESSAGE(counted.has_value(), counted.error().message());
        CHECK(counted->body().text() == std::to_string(bytes));
        CHECK(web.idle() == 1);
    });
}

TEST_CASE("an answer before the whole request was sent is taken, and the connection ends") {
    Scripted server([](int, int, const std::string&) -> Step {
        return {"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno", Next::stop_reading};
    });
    server.run([&](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        const std::string body(5'000'000, 'x');
        const auto response = co_await web.post(base, body, "text/x");
        REQUIRE(response);
        CHECK(response->status() == 413);
        CHECK(response->body().text() == "no");
        CHECK(web.connections() == 0);
    });
}

namespace {

/// What takes over after an upgrade: collects, says one line back.
struct After final : pipeline::Handler {
    explicit After(std::string& g) : got(g) {}
    void on_added(pipeline::Slot& slot) override { slot.write(Slice::constant("ping\r\n\r\n")); }
    void on_read(pipeline::Slot& slot, Slice slice) override {
        got += slice.text();
        if (got.ends_with("bye")) slot.pipeline().close();
    }
    std::string& got;
};

}  // namespace

TEST_CASE("an upgrade hands over the slot, and the bytes behind the head come first") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Scripted server(
            [](int, int request, const std::string& head) -> Step {
                if (request == 0) {
                    CHECK(head.find("connection: upgrade\r\n") != std::string::npos);
                    CHECK(head.find("upgrade: penstock/1\r\n") != std::string::npos);
                    return {
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: penstock/1\r\nConnection: "
                        "Upgrade\r\nx-attach: 7\r\n\r\nwelcome "};
                }
                CHECK(head == "ping\r\n\r\n");
                return {"bye"};
            },
            seed, {.short_transfer = 0.6, .delay_max = 2ms});
        std::string got;
        int answers = 0;
        server.run([&](Worker& worker) -> Task<> {
            auto& web = worker.local<Client>();
            auto request = Request::get(base + "/stream/x");
            request.header("upgrade", "penstock/1");
            auto call = web.upgrade(std::move(request),
                                    [&](Result<Response> response) -> std::unique_ptr<pipeline::Handler> {
                                        ++answers;
                                        REQUIRE(response);
                                        CHECK(response->status() == 101);
                                        CHECK(response->header("x-attach") == "7");
                                        return std::make_unique<After>(got);
                                    });
            CHECK(web.connections() == 0);  // it does not count
            co_await worker.sleep(60s);
            CHECK_FALSE(call.is_running());
            CHECK(worker.sockets() == 0);
        });
        CHECK(answers == 1);
        CHECK(got == "welcome bye");
    }
}

TEST_CASE("an upgrade that is refused, fails, is too late or is cancelled") {
    Scripted server([](int, int, const std::string& head) -> Step {
        if (head.starts_with("GET /refused")) return {"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"};
        if (head.starts_with("GET /bad")) return {"HTTP/1.1 101\r\nContent-Length: 2\r\n\r\nno"};
        if (head.starts_with("GET /null")) return {"HTTP/1.1 101 X\r\n\r\nbytes behind"};
        if (head.starts_with("GET /lost")) return {"", Next::close};
        return {};
    });
    server.run([](Worker& worker) -> Task<> {
        auto& web = worker.local<Client>();
        std::vector<std::string> told;
        auto note = [&](Result<Response> response) -> std::unique_ptr<pipeline::Handler> {
            told.push_back(response ? std::to_string(response->status()) : response.error().message());
            return nullptr;
        };
        for (const std::string path : {"/refused", "/bad", "/null", "/lost", "/silent"}) {
            web.upgrade(Request::get(base + path), note).release();
            co_await worker.sleep(31s);
            CHECK(worker.sockets() == 0);
        }
        web.upgrade(Request::get("http://10.0.0.9/"), note).release();
        web.upgrade(Request::get(base + "/cancelled"), note).cancel();
        {
            const auto gone = web.upgrade(Request::get(base + "/cancelled"), note);
        }
        co_await worker.sleep(31s);
        REQUIRE(told.size() == 6);
        CHECK(told[0] == "404");
        CHECK(told[1] == "a body beside a status that has none");
        CHECK(told[2] == "101");
        CHECK(told[3] == "the connection ended without a response");
        CHECK(told[4] == "the response was not complete in time");
        CHECK(told[5] == "connect: Connection refused");
    });
}

TEST_CASE("a drain lets idle connections go, and running requests end first") {
    Own own(routes);
    auto& worker = own.sim.add_host();
    auto& web = worker.local<Client>();
    std::string got;
    {
        const core::Home::Entered entered(&worker);
        web.get(base + "/slow", [&](Result<Response> response) { got = response->body().text(); }).release();
        web.get(base + "/hello/x", [](Result<Response>) {}).release();
    }
    own.sim.run_for(1s);
    CHECK(worker.sockets() == 2);
    worker.drain();
    own.sim.run_for(100ms);
    CHECK(worker.sockets() == 1);
    own.sim.run_for(5s);
    CHECK(got == "slow");
    CHECK(worker.is_drained());
}
