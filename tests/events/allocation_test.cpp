// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/reactor.hpp>

#include <atomic>

#include <doctest/doctest.h>
#include <support/allocations.hpp>
#include <support/loopback_client.hpp>

using namespace penstock;
using namespace penstock::events;

namespace {

struct Echo final : SocketHandler {
    void on_read(TcpSocket& socket, Slice piece) override { std::ignore = socket.write(std::move(piece)); }
};
struct Box {
    std::atomic<std::uint16_t>* port;
    static constexpr bool sendable = true;
};

}  // namespace

TEST_CASE("an echo allocates nothing in its steady state") {
    if (!test::allocations_are_counted) return;
    std::atomic<std::uint16_t> port = 0;
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(
        [](Worker& worker, Box box) -> Result<void> {
            auto listener =
                worker.open_listener("127.0.0.1:0", [](TcpSocket&) { return std::make_unique<Echo>(); });
            if (!listener) return fail(listener);
            box.port->store((*listener)->address().port());
            return {};
        },
        Box{&port}));
    test::LoopbackClient client(port);
    const std::string text(1024, 'x');
    auto talk = [&](int rounds) {
        for (int i = 0; i < rounds; ++i) {
            client.send(text);
            if (client.receive_bytes(text.size()) != text) FAIL("not the same");
        }
    };
    talk(100);
    reactor.logger().flush();  // its thread has taken all its room
    const auto before = test::allocations_of_other_threads();
    talk(2000);
    CHECK(test::allocations_of_other_threads() - before == 0);
}
