// SPDX-License-Identifier: Apache-2.0
// Bodies piece by piece, in both directions: PUT /inbox writes a file into the folder inbox, which must be
// there, as fast as the disk takes it; GET /numbers never ends.
#include <penstock/events/file.hpp>
#include <penstock/node/node.hpp>
using namespace penstock;

struct Upload final : http::Handler, events::FileHandler {  // one per exchange, which owns it
    explicit Upload(http::Exchange& e) : exchange(e), file(e.worker(), *this) {}
    void on_request(http::Exchange&) override { file.create("inbox/" + std::string(exchange.id())); }
    void on_body(http::Exchange&, Slice piece) override {
        file.write(std::move(piece));
        pace();
    }
    void on_end(http::Exchange&) override { file.commit(); }  // the body is whole
    void on_written(events::File&) override { pace(); }
    void on_committed(events::File&) override { exchange.start(201); }  // only now the file has its name
    void on_failed(events::File&, Error error) override { exchange.fail(507, error); }
    void pace() { exchange.ready_to_read(file.unwritten() < 1024 * 1024); }  // slow disk: the client waits
    http::Exchange& exchange;                                                // outlives us, so it may be kept
    events::File file;
};

struct Numbers final : http::Handler {  // an endless download
    void on_response(http::Exchange&, http::ResponseHead& head) override {
        head.set("content-type", "text/plain");
    }
    void on_writable(http::Exchange& e) override {
        while (e.write(std::to_string(next++), "\n") == Sent::more) {
        }
    }
    std::uint64_t next = 0;
};

void routes(http::Router& router, Worker&) {
    router.stream(http::Method::put, "/inbox", [](http::Exchange& e) { return std::make_unique<Upload>(e); });
    router.stream(http::Method::get, "/numbers", [](http::Exchange&) { return std::make_unique<Numbers>(); });
}

int main(int argc, char** argv) { return Node(argc, argv).routes(routes).run(); }
