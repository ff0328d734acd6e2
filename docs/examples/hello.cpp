// SPDX-License-Identifier: Apache-2.0
// The shortest node: answers /hello/{name} at 127.0.0.1:8079. Try: curl -i http://127.0.0.1:8079/hello/World
#include <penstock/node/node.hpp>
using namespace penstock;

void routes(http::Router& router, Worker&) {  // runs once on each worker: captures belong to that worker
    router.get("/hello/{name}",
               [](http::Exchange& exchange) { exchange.text("Hello, ", exchange.param("name"), "!\n"); });
}

int main(int argc, char** argv) {
    return Node(argc, argv).routes(routes).run();  // SIGTERM, Ctrl-C: drains; 0
}
