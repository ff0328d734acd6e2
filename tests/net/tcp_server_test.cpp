// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/net/tcp_server.hpp>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

constexpr Address address("10.0.0.1:80");

/// What both sides of a test see.
struct Seen {
    int fills = 0, read_ends = 0, write_ends = 0;
    std::vector<Address> peers;
    std::string got;
    Error error;
};

/// Answers what comes; when the client has ended its direction it says so before it ends its own.
class Echo final : public pipeline::Handler {
public:
    explicit Echo(Seen& seen) : seen_(seen) {}
    void on_read(pipeline::Slot& slot, Slice slice) override {
        seen_.got += slice.text();
        slot.write(std::move(slice));
    }
    void on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error error) override {
        ++(direction == pipeline::Direction::read ? seen_.read_ends : seen_.write_ends);
        seen_.error = error;
        if (direction == pipeline::Direction::write) slot.write(Slice::constant(" bye"));
        slot.shutdown_done(direction);
    }

private:
    Seen& seen_;
};

struct Answers {
    std::string got;
    bool has_ended = false, is_closed = false;
    Error error;
};

class Client final : public SocketHandler {
public:
    explicit Client(Answers& answers) : answers_(answers) {}
    void on_read(TcpSocket&, Slice slice) override { answers_.got += slice.text(); }
    void on_end(TcpSocket& socket) override {
        answers_.has_ended = true;
        socket.close();
    }
    void on_closed(TcpSocket&, Error error) override {
        answers_.is_closed = true;
        answers_.error = error;
    }

private:
    Answers& answers_;
};

net::Fill fill(Seen& seen) {
    return [&seen](Pipeline& line) {
        ++seen.fills;
        seen.peers.push_back(line.peer());
        line.add(std::make_unique<Echo>(seen));
    };
}

constexpr Faults faults{.short_transfer = 0.3, .late = 0.5, .reset = 0, .delay_max = 1ms};

}  // namespace

TEST_CASE("each connection is filled once, its client's half-close is seen and answered") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Simulation sim(seed, faults);
        auto& host = sim.add_host();
        Seen seen;
        auto& server = host.make_local<net::TcpServer>(host, address, fill(seen));
        REQUIRE(server.start());
        CHECK(server.address() == address);
        Answers one, two;
        sim.spawn([&](Worker& worker) -> Task<> {
            auto& first = worker.connect(address, std::make_unique<Client>(one));
            auto& second = worker.connect(address, std::make_unique<Client>(two));
            std::ignore = first.write(Slice::constant("first"));
            co_await worker.sleep(1s);
            CHECK(one.got == "first");
            CHECK(seen.read_ends == 0);
            first.finish();
            co_await worker.sleep(1s);
            CHECK(one.got == "first bye");
            CHECK(one.has_ended);
            CHECK(seen.read_ends == 1);
            CHECK(seen.write_ends == 1);
            CHECK_FALSE(seen.error);
            CHECK_FALSE(two.has_ended);  // of the others nothing ends
            std::ignore = second.write(Slice::constant("second"));
            second.finish();
            co_await worker.sleep(5s);
        });
        REQUIRE(sim.run());
        CHECK(two.got == "second bye");
        CHECK(seen.fills == 2);
        REQUIRE(seen.peers.size() == 2);
        CHECK_FALSE(seen.peers[0] == seen.peers[1]);
        CHECK(seen.read_ends == 2);
        CHECK(seen.write_ends == 2);
        CHECK(one.is_closed);
        CHECK(two.is_closed);
        CHECK_FALSE(one.error);
        CHECK(host.sockets() == 0);
    }
}

TEST_CASE("connections outlive the close of their server, and its death") {
    for (const bool dies : {false, true}) {
        Simulation sim(1, faults);
        auto& host = sim.add_host();
        Seen seen;
        auto server = std::make_unique<net::TcpServer>(host, address, fill(seen));
        REQUIRE(server->start());
        Answers before, after;
        sim.spawn([&](Worker& worker) -> Task<> {
            auto& first = worker.connect(address, std::make_unique<Client>(before));
            co_await worker.sleep(1s);
            CHECK(seen.fills == 1);
            host.later([&] {
                if (dies)
                    server.reset();
                else
                    server->close();
            });
            co_await worker.sleep(1s);
            std::ignore = worker.connect(address, std::make_unique<Client>(after));
            std::ignore = first.write(Slice::constant("still"));
            co_await worker.sleep(1s);
            CHECK(before.got == "still");
            CHECK(after.is_closed);
            CHECK(after.error == Error::os(ECONNREFUSED));
            first.finish();
            co_await worker.sleep(5s);
        });
        REQUIRE(sim.run());
        CHECK(before.got == "still bye");
        CHECK(before.is_closed);
        CHECK(seen.fills == 1);
        CHECK(host.sockets() == 0);
        if (server != nullptr) server->close();  // no second time
    }
}

TEST_CASE("a server starts again after its close") {
    Simulation sim(1);
    auto& host = sim.add_host();
    Seen seen;
    net::TcpServer server(host, address, fill(seen));
    server.close();  // before the start: nothing
    REQUIRE(server.start());
    server.close();
    sim.run_for(1s);
    REQUIRE(server.start());
    Answers answers;
    sim.spawn([&](Worker& worker) -> Task<> {
        worker.connect(address, std::make_unique<Client>(answers)).finish();
        co_await worker.sleep(5s);
    });
    REQUIRE(sim.run());
    CHECK(seen.fills == 1);
    CHECK(answers.got == " bye");
    server.close();
    sim.run_for(1s);
}
