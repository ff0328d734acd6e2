// SPDX-License-Identifier: Apache-2.0
// A Node in this process, on real sockets of the loopback.
#include <penstock/node/node.hpp>

#include <atomic>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <support/loopback_client.hpp>
#include <support/temporary_folder.hpp>

using namespace penstock;

namespace {

std::atomic<unsigned> seen;  // by code that captures nothing
std::atomic<bool> slow_runs;

/// A command line.
class Args {
public:
    explicit Args(const std::string& settings, const std::string& listen = "127.0.0.1:0") {
        std::ofstream(folder_.file("node.toml")) << "[log]\nlevel = \"off\"\n" << settings;
        texts_ = {"test", "--config", folder_.file("node.toml"), "--listen", listen, "--workers",
                  "2",    "--state",  folder_.file("state")};
        for (auto& text : texts_) pointers_.push_back(text.data());
    }
    int count() { return static_cast<int>(pointers_.size()); }
    char** values() { return pointers_.data(); }
    const test::TemporaryFolder& folder() const { return folder_; }

private:
    test::TemporaryFolder folder_;
    std::vector<std::string> texts_;
    std::vector<char*> pointers_;
};

std::string get(const Address& at, const std::string& path) {
    test::LoopbackClient client(at.port());
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.receive_all();
}
std::string body_of(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }

void hello(http::Router& router, Worker& worker) {
    router.get("/worker", [&worker](http::Exchange& exchange) { exchange.text(worker.index()); });
    router.get("/block", [](http::Exchange& exchange) {
        std::this_thread::sleep_for(1s);  // what a handler must never do: its worker is silent meanwhile
        exchange.text("done");
    });
    router.simple(http::Method::get, "/slow", [](http::Request, proc::Queue&) {
        slow_runs = true;
        slow_runs.notify_all();
        std::this_thread::sleep_for(300ms);
        return http::Response::text(200, "slow");
    });
}

struct Own {
    std::uint32_t number = 7;
};
constexpr auto own_settings =
    core::table<Own>("own", {{"number", &Own::number, {0, 9}, core::at_start, "a number"}});

}  // namespace

TEST_CASE("port 0 is one port for all workers, and both serve it") {
    Args args("");
    Node node(args.count(), args.values());
    REQUIRE_MESSAGE(node.routes(hello).start(), node.problem());
    CHECK(node.address().port() != 0);
    CHECK(node.admin_address() == node.address());
    CHECK(node.state_folder() == args.folder().file("state"));
    bool by[2] = {false, false};
    for (int i = 0; i < 200 && !(by[0] && by[1]); ++i)
        by[body_of(get(node.address(), "/worker")) == "1"] = true;
    CHECK(by[0]);
    CHECK(by[1]);
    CHECK(body_of(get(node.address(), "/healthz")) == "ok\n");
    node.stop(1s);
}

TEST_CASE("arguments reach the routes of every worker, and settings every handler") {
    Args args("[own]\nnumber = 9\n");
    Node node(args.count(), args.values());
    node.settings(own_settings)
        .routes(
            [](http::Router& router, Worker& worker, std::string text, int number) {
                router.get("/own", [&worker, text, number](http::Exchange& exchange) {
                    exchange.text(text, number, worker.local<const Own>().number);
                });
            },
            std::string("args "), 4)
        .routes(hello);
    REQUIRE_MESSAGE(node.start(), node.problem());
    CHECK(body_of(get(node.address(), "/own")) == "args 49");
    CHECK(get(node.address(), "/worker").starts_with("HTTP/1.1 200"));
}

TEST_CASE("set-ups run once on each worker and each queue") {
    Args args("");
    Node node(args.count(), args.values());
    seen = 0;
    node.each_worker(
            [](Worker& worker, unsigned times) -> Result<void> {
                seen += times << (8 * worker.index());
                return {};
            },
            1u)
        .each_queue([](proc::Queue& queue, unsigned times) { seen += times << (16 + 8 * queue.index()); }, 1u)
        .routes(hello);
    REQUIRE_MESSAGE(node.start(), node.problem());
    CHECK(seen == 0x01010101);
}

TEST_CASE("what keeps it from starting is told, and nothing is left running") {
    auto problem_of = [](auto prepare) {
        Args args("");
        Node node(args.count(), args.values());
        prepare(node);
        CHECK_FALSE(node.start());
        return node.problem();
    };
    CHECK(problem_of([](Node& node) {
              node.routes([](http::Router& router, Worker&) { router.get("/a{b}", [](http::Exchange&) {}); });
          }).starts_with("route \"/a{b}\": "));
    CHECK(problem_of([](Node& node) {
              node.routes([](http::Router&, Worker&) { throw std::runtime_error("no routes"); });
          }) == "the set-up threw: no routes");
    for (const unsigned which : {0u, 1u}) {
        const auto text = problem_of([&](Node& node) {
            node.each_worker(
                [](Worker& worker, unsigned index) -> Result<void> {
                    if (worker.index() == index) return fail(Error::user(1, "no database"));
                    return {};
                },
                which);
        });
        CHECK(text == "the set-up of worker " + std::to_string(which) + " failed: no database");
        CHECK(problem_of([&](Node& node) {
                  node.each_queue(
                      [](proc::Queue& queue, unsigned index) -> Result<void> {
                          if (queue.index() == index) throw std::runtime_error("no file");
                          return {};
                      },
                      which);
              }) == "the set-up of queue " + std::to_string(which) + " threw: no file");
    }
}

TEST_CASE("a route with the pattern of an admin page is refused, unless the pages are elsewhere") {
    const auto own_page = [](http::Router& router, Worker&) {
        router.get("/", [](http::Exchange& exchange) { exchange.text("mine"); });
    };
    {
        Args args("");
        Node node(args.count(), args.values());
        CHECK_FALSE(node.routes(own_page).start());
        CHECK(node.problem().starts_with("route \"/\": "));
        CHECK(node.problem().find("admin.listen = \"none\"") != std::string::npos);
    }
    {
        Args args("[admin]\nlisten = \"none\"\n");
        Node node(args.count(), args.values());
        REQUIRE_MESSAGE(node.routes(own_page).start(), node.problem());
        CHECK(body_of(get(node.address(), "/")) == "mine");
        CHECK(get(node.address(), "/status").starts_with("HTTP/1.1 404"));
        CHECK(node.admin_address().empty());
    }
    Args args("[admin]\nlisten = \"127.0.0.1:0\"\n");
    Node node(args.count(), args.values());
    REQUIRE_MESSAGE(node.routes(own_page).start(), node.problem());
    CHECK(body_of(get(node.address(), "/")) == "mine");
    CHECK(get(node.address(), "/status").starts_with("HTTP/1.1 404"));
    REQUIRE(node.admin_address().port() != node.address().port());
    CHECK(body_of(get(node.admin_address(), "/")).starts_with("penstock "));
    CHECK(get(node.admin_address(), "/worker").starts_with("HTTP/1.1 404"));
}

TEST_CASE("on an address that others reach there are no admin pages") {
    Args args("", "0.0.0.0:0");
    Node node(args.count(), args.values());
    REQUIRE_MESSAGE(node.routes(hello).start(), node.problem());
    CHECK(node.admin_address().empty());
    CHECK(get(node.address(), "/status").starts_with("HTTP/1.1 404"));
    CHECK(get(node.address(), "/worker").starts_with("HTTP/1.1 200"));
}

TEST_CASE("a worker that does not answer in time is shown as silent") {
    Args args("");
    Node node(args.count(), args.values());
    REQUIRE_MESSAGE(node.routes(hello).start(), node.problem());
    // Connections are spread by the system: find one on each worker.
    std::unique_ptr<test::LoopbackClient> on[2];
    for (int i = 0; i < 200 && !(on[0] && on[1]); ++i) {
        auto client = std::make_unique<test::LoopbackClient>(node.address().port());
        client->send("GET /worker HTTP/1.1\r\nHost: x\r\n\r\n");
        on[client->receive().ends_with("1")] = std::move(client);
    }
    REQUIRE(on[0]);
    REQUIRE(on[1]);
    on[1]->send("GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
    std::this_thread::sleep_for(100ms);
    const auto began = std::chrono::steady_clock::now();
    on[0]->send("GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto status = on[0]->receive();
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(took >= 200ms);
    CHECK(status.find(R"("index":0)") != std::string::npos);
    CHECK(status.find(R"("requests":null)") != std::string::npos);
    CHECK(status.find(R"("silent":true)") != std::string::npos);
    CHECK(on[1]->receive().ends_with("done"));
    on[0]->send("GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(on[0]->receive().find(R"("silent":true)") == std::string::npos);
}

TEST_CASE("a stop lets a request end that the processor works on, then takes no more") {
    Args args("");
    Node node(args.count(), args.values());
    REQUIRE_MESSAGE(node.routes(hello).start(), node.problem());
    test::LoopbackClient slow(node.address().port()), idle(node.address().port());
    slow_runs = false;
    slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    slow_runs.wait(false);
    idle.send("GET /worker HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_FALSE(idle.receive().empty());
    const auto address = node.address();
    const auto stopped = node.stop(10s);
    CHECK(stopped.drained == 2);
    CHECK(stopped.cut == 0);
    CHECK(slow.receive_all().ends_with("slow"));
    CHECK(idle.receive_all().empty());
    CHECK_THROWS(test::LoopbackClient(address.port()));
}

TEST_CASE("the deadline cuts what does not end") {
    Args args("");
    Node node(args.count(), args.values());
    REQUIRE_MESSAGE(node.routes(hello).start(), node.problem());
    test::LoopbackClient half(node.address().port());
    half.send("GET /worker HT");  // a request that has begun is waited for
    std::this_thread::sleep_for(100ms);
    const auto began = std::chrono::steady_clock::now();
    const auto stopped = node.stop(300ms);
    CHECK(std::chrono::steady_clock::now() - began >= 300ms);
    CHECK(stopped.cut == 1);
    CHECK(stopped.drained == 0);
}
