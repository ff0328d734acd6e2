// SPDX-License-Identifier: Apache-2.0
// Routes that run in the processor, in a simulation: its queue is stepped by hand.
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/http/server.hpp>

#include <memory>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

using namespace penstock;

namespace {

struct Client final : events::SocketHandler {
    Client(std::string text, std::shared_ptr<std::string> heard)
        : request(std::move(text)), got(std::move(heard)) {}
    void on_connected(TcpSocket& socket) override { std::ignore = socket.write(Bytes(request)); }
    void on_read(TcpSocket&, Slice piece) override { *got += piece.text(); }
    std::string request;
    std::shared_ptr<std::string> got;
};

struct Calls {
    unsigned count = 0;
};

http::Response greet(http::Request request, proc::Queue& queue) {
    ++queue.local<Calls>().count;
    return http::Response::text(200, std::string(request.method() == http::Method::post ? "post " : "get ") +
                                         std::string(request.param("name")) + ' ' + request.query("q") + ' ' +
                                         std::string(request.header("x-a")) + ' ' +
                                         std::string(request.body().text()) + '\n');
}

void routes(http::Router& router) {
    router.simple(http::Method::get, "/greet/{name}", greet);
    router.simple(http::Method::post, "/greet/{name}",
                  [](http::Request request, proc::Queue& queue) { return greet(std::move(request), queue); });
    router.simple(http::Method::post, "/small", greet).body_bytes_max(4);
    router.simple(http::Method::get, "/throws", [](http::Request, proc::Queue&) -> http::Response {
        throw std::runtime_error("on purpose");
    });
    router.get("/plain", [](http::Exchange& exchange) { exchange.text("plain\n"); });
}

struct Site {
    explicit Site(std::uint32_t jobs_max = 8, bool lends = true)
        : worker(sim.add_host()), client_worker(sim.add_host()) {
        processor.emplace(proc::ProcessorSettings{.queues = 1, .jobs_max = jobs_max, .pin = false});
        REQUIRE(processor->start_inline(worker.clock()));
        if (lends) worker.lend_index(events::detail::type_index<proc::Processor>, &*processor);
        const core::Home::Entered entered(&worker);
        auto router = std::make_shared<http::Router>();
        routes(*router);
        REQUIRE(worker.make_local<http::Server>(worker, Address("10.0.0.1:80"), router).start());
    }
    std::shared_ptr<std::string> send(const std::string& request) {
        auto got = std::make_shared<std::string>();
        client = &client_worker.connect("10.0.0.1:80", std::make_unique<Client>(request, got));
        sim.run_for(1s);
        return got;
    }
    std::string talk(const std::string& request) {
        const auto got = send(request);
        while (processor->step()) sim.run_for(1s);
        return *got;
    }
    events::Simulation sim{1};
    Worker& worker;
    Worker& client_worker;
    std::optional<proc::Processor> processor;
    TcpSocket* client = nullptr;
};

std::string body_of(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }
std::string status_of(const std::string& response) { return response.substr(9, 3); }

}  // namespace

TEST_CASE("a simple handler gets the whole request and runs in the processor") {
    Site site;
    const auto got = site.send("GET /greet/J%C3%B6?q=a+b HTTP/1.1\r\nHost: x\r\nX-A: v\r\n\r\n");
    CHECK(got->empty());  // the worker has gone on; the queue has not run
    CHECK(site.processor->step());
    site.sim.run_for(1s);
    CHECK(status_of(*got) == "200");
    CHECK(body_of(*got) == "get J\xC3\xB6 a b v \n");
    CHECK(body_of(site.talk("POST /greet/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")) ==
          "post x   body\n");
}

TEST_CASE("later pipelined requests wait for the answer of a simple one") {
    Site site;
    const auto got = site.send(
        "GET /greet/one HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /greet/two HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(got->empty());
    CHECK(site.processor->step());
    CHECK_FALSE(site.processor->step());  // the third is not there before the first is answered
    site.sim.run_for(1s);
    CHECK(got->find("get one") < got->find("plain\n"));
    CHECK(got->find("plain\n") != std::string::npos);
    CHECK(got->find("get two") == std::string::npos);
    CHECK(site.processor->step());
    site.sim.run_for(1s);
    CHECK(got->find("plain\n") < got->find("get two"));
    CHECK(got->find("get two") != std::string::npos);
}

TEST_CASE("a simple handler that throws is 500 and the connection goes on") {
    Site site;
    const auto got =
        site.talk("GET /throws HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(status_of(got) == "500");
    CHECK(got.find("on purpose") == std::string::npos);
    CHECK(body_of(body_of(got)).ends_with("plain\n"));
}

TEST_CASE("a full queue is 503, at once") {
    Site site(1);
    const auto first = site.send("GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto second = site.send("GET /greet/b HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(first->empty());
    CHECK(status_of(*second) == "503");
    CHECK(site.processor->step());
    site.sim.run_for(1s);
    CHECK(body_of(*first) == "get a   \n");
    CHECK(body_of(site.talk("GET /greet/c HTTP/1.1\r\nHost: x\r\n\r\n")) == "get c   \n");
}

TEST_CASE("a stopped processor is 503, and none at all is 500") {
    Site stopped;
    stopped.processor->stop(0s);
    CHECK(status_of(*stopped.send("GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n")) == "503");
    Site none(8, false);
    CHECK(status_of(*none.send("GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n")) == "500");
}

TEST_CASE("a processor that stops first runs what waits") {
    Site site;
    const auto got = site.send("GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n");
    site.processor->stop(1s);
    site.sim.run_for(1s);
    CHECK(body_of(*got) == "get a   \n");
}

TEST_CASE("a request that the stop of the processor cuts is 503") {
    Site site;
    const auto got = site.send("GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n");
    site.processor->stop(0s);
    site.sim.run_for(1s);
    CHECK(status_of(*got) == "503");
}

TEST_CASE("a client that leaves before the answer harms nobody") {
    Site site;
    const auto got = site.send("GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n");
    site.client->abort();
    site.sim.run_for(1s);
    CHECK(site.worker.sockets() == 0);
    CHECK(site.processor->step());
    site.sim.run_for(1s);
    CHECK(got->empty());
    CHECK(body_of(site.talk("GET /greet/c HTTP/1.1\r\nHost: x\r\n\r\n")) == "get c   \n");
}

TEST_CASE("the body of a simple request has the route's limit") {
    Site site;
    CHECK(body_of(site.talk("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour")) ==
          "post    four\n");
    CHECK(status_of(site.talk("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfive!")) == "413");
}
