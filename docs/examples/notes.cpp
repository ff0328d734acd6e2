// SPDX-License-Identifier: Apache-2.0
// Work that blocks, away from the workers: notes are appended to notes.jsonl of the working folder. As a
// simple handler (POST /notes), and as a coroutine that waits for a job and tells another server of it
// (POST /publish).
#include <penstock/http/client.hpp>
#include <penstock/node/node.hpp>

#include <fstream>
using namespace penstock;

struct Notes {  // any blocking library; one per queue, so it needs no lock
    std::ofstream file{"notes.jsonl", std::ios::app};
    Notes() { file.exceptions(std::ios::failbit | std::ios::badbit); }
    std::uint64_t append(std::string_view note) {
        file << note << std::endl;
        return std::uint64_t(file.tellp());
    }
};

void routes(http::Router& router, Worker& worker) {
    router.simple(http::Method::post, "/notes", [](http::Request request, proc::Queue& queue) {  // may block
        return http::Response::json(201, {{"id", queue.local<Notes>().append(request.body().text())}});
    });
    auto& jobs = worker.local<proc::Processor>();
    auto& web = worker.local<http::Client>();
    router.post("/publish", [&jobs, &web](http::Exchange& exchange) -> Task<> {  // on the worker; may wait
        auto append = [](proc::Queue& queue, std::string note) { return queue.local<Notes>().append(note); };
        auto id = co_await jobs.run(append, std::string(exchange.body().text()));
        if (!id) co_return exchange.fail(503, id.error());  // queue full, or it threw
        auto told = co_await web.post("http://127.0.0.1:9000/index", exchange.body());
        exchange.json(201, {{"id", *id}, {"indexed", told.has_value()}});
    });
}

int main(int argc, char** argv) { return Node(argc, argv).routes(routes).run(); }
