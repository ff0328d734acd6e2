// SPDX-License-Identifier: Apache-2.0
// penstock echo: answers every request with its body; what outside conformance suites are run against.
#include <penstock/core/logger.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/http/server.hpp>

#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "commands.hpp"

namespace penstock::tool {
namespace {

void answer(http::Exchange& exchange) {
    if (const auto type = exchange.header("content-type"); !type.empty())
        exchange.response().set("content-type", type);
    exchange.send(200, Chain(exchange.share_body()));
}

Result<void> serve(Worker& worker, Address address) {
    auto router = std::make_shared<http::Router>();
    http::MethodSet methods;
    for (const auto method : {http::Method::get, http::Method::head, http::Method::post, http::Method::put,
                              http::Method::patch, http::Method::del, http::Method::options})
        methods.add(method);
    constexpr std::uint64_t body_bytes_max = 16 * 1024 * 1024;
    router->otherwise(methods, answer).body_bytes_max(body_bytes_max);
    auto& server = worker.make_local<http::Server>(worker, address, router);
    auto started = server.start();
    if (started && worker.index() == 0)
        worker.log().info("listening", {"address", server.address()}, {"stop_with", "Ctrl-C"});
    return started;
}

int run_echo(const std::string& listen, unsigned workers) {
    const auto address = Address::parse(listen);
    if (!address) {
        std::fprintf(stderr, "error: --listen %s: %s\n", listen.c_str(), address.error().message().c_str());
        return 2;
    }
    if (const auto free = events::Listener::probe(*address); !free) {
        std::fprintf(stderr, "error: cannot listen on %s: %s; choose another address by --listen ADDR:PORT\n",
                     address->text().c_str(), free.error().message().c_str());
        return 1;
    }
    core::Logger logger;
    Reactor reactor({.workers = workers, .logger = &logger});
    return reactor.run(serve, *address);
}

}  // namespace

void add_echo(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("echo", "Answer every HTTP request with its own body");
    command->footer("Example: penstock echo --listen 127.0.0.1:8079");
    auto listen = std::make_shared<std::string>("127.0.0.1:8079");
    auto workers = std::make_shared<unsigned>(0);
    command->add_option("--listen", *listen, "Address and port")->capture_default_str();
    command->add_option("--workers", *workers, "Worker threads; 0: one for each CPU")
        ->capture_default_str()
        ->check(CLI::Range(0, 4096));
    command->callback(
        [&run, listen, workers] { run = [listen, workers] { return run_echo(*listen, *workers); }; });
}

}  // namespace penstock::tool
