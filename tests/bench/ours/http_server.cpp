// SPDX-License-Identifier: Apache-2.0
// Ours in the case http/keep-alive: one worker, one route.
#include <penstock/http/server.hpp>

#include <string>

#include <bench/ours/one_worker.hpp>

using namespace penstock;

namespace {

Result<void> serve(Worker& worker, Address address) {
    auto router = std::make_shared<http::Router>();
    router->get("/", [](http::Exchange& exchange) { exchange.text("Hello, World!"); });
    return worker.make_local<http::Server>(worker, address, router).start();
}

}  // namespace

int main(int argc, char** argv) {
    const auto address = Address::parse("127.0.0.1:" + std::string(argc > 1 ? argv[1] : ""));
    if (!address) return complain(address.error());
    return bench::OneWorker().reactor().run(serve, *address);
}
