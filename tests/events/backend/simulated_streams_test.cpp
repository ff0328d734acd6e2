// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <string>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

const std::string& long_text() {
    static const std::string text = [] {
        std::string out(400'000, '\0');
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<char>('a' + (i * 31 + i / 251) % 26);
        return out;
    }();
    return text;
}

struct Seen {
    std::string got;
    bool ended = false, closed = false;
    Error error;
};
struct Collects final : SocketHandler {
    explicit Collects(Seen& s) : seen(s) {}
    void on_read(TcpSocket&, Slice piece) override { seen.got += piece.text(); }
    void on_end(TcpSocket& socket) override {
        seen.ended = true;
        socket.close();
    }
    void on_closed(TcpSocket&, Error e) override {
        seen.closed = true;
        seen.error = e;
    }
    Seen& seen;
};
struct Pours final : SocketHandler {
    explicit Pours(Seen& s) : seen(s) {}
    void on_connected(TcpSocket& socket) override {
        std::ignore = socket.write(Bytes(long_text()));
        socket.finish();
    }
    void on_read(TcpSocket&, Slice) override {}
    void on_closed(TcpSocket&, Error e) override {
        seen.closed = true;
        seen.error = e;
    }
    Seen& seen;
};

/// One who pours, and one who collects, on two hosts.
struct Line {
    explicit Line(std::uint64_t seed, const Faults& faults = {})
        : sim(seed, faults), server(sim.add_host()), client(sim.add_host()) {
        REQUIRE(server.listen(address, [this](TcpSocket& accepted) {
            at_server = &accepted;
            return std::make_unique<Collects>(collected);
        }));
        at_client = &client.connect(address, std::make_unique<Pours>(poured));
    }
    bool is_whole() const { return collected.got == long_text(); }
    static constexpr Address address{"10.0.0.1:7"};
    Seen collected, poured;  // outlive their sockets
    Simulation sim;
    Worker& server;
    Worker& client;
    TcpSocket* at_server = nullptr;
    TcpSocket* at_client = nullptr;
};

}  // namespace

TEST_CASE("a reset cuts a stream at any byte, and what arrives before is right") {
    int whole = 0, empty = 0, odd = 0;
    for (const auto seed : seeds(100)) {
        CAPTURE(seed);
        Line line(seed, {.short_transfer = 0.3, .reset = 0.02, .delay_max = 1ms});
        line.sim.run_for(60s);
        CHECK((long_text().starts_with(line.collected.got)));
        CHECK(line.client.sockets() == 0);
        CHECK(line.server.sockets() == 0);
        if (!line.is_whole()) CHECK(line.collected.error == Error::os(ECONNRESET));
        whole += line.is_whole();
        empty += line.collected.got.empty();
        odd += line.collected.got.size() % 1000 != 0;
    }
    if (seeds(100).size() < 100) return;
    CHECK(whole > 10);
    CHECK(whole < 90);
    CHECK(odd > 20);
    CHECK(empty < 30);
}

TEST_CASE("storms of EAGAIN and failing accepts lose nothing") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Line line(seed, {.short_transfer = 0.5, .accept_failure = 0.5, .again = 0.8, .delay_max = 1ms});
        line.sim.run_for(60s);
        CHECK(line.is_whole());
        CHECK(line.collected.ended);
        CHECK_FALSE(line.poured.error);
    }
}

TEST_CASE("of a half-open connection only time-outs tell") {
    Seen lost;
    Line line(1, {.late = 0});
    line.sim.run_for(20us);  // connected
    line.sim.faults({.late = 0, .half_open = 1});
    line.at_server->idle_timeout(30s);
    line.sim.run_for(20s);
    CHECK_FALSE(line.is_whole());
    CHECK_FALSE(line.collected.closed);
    CHECK_FALSE(line.poured.closed);
    line.sim.run_for(20s);
    CHECK(line.collected.error == Error::os(ETIMEDOUT));  // ours
    CHECK_FALSE(line.poured.closed);
    line.sim.run_for(15min);
    CHECK(line.poured.error == Error::os(ETIMEDOUT));  // the kernel's

    line.client.connect(Line::address, std::make_unique<Pours>(lost));
    line.sim.run_for(126s);
    CHECK_FALSE(lost.closed);
    line.sim.run_for(2s);
    CHECK(lost.error == Error::os(ETIMEDOUT));
}

TEST_CASE("what was sent over a line that is cut arrives when it heals") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Seen waiting;
        Line line(seed, {.short_transfer = 0.5, .delay_max = 1ms});
        line.sim.run_for(3ms);
        line.sim.cut(line.client, Line::address);
        line.client.connect(Line::address, std::make_unique<Pours>(waiting));
        line.sim.run_for(5min);
        CHECK_FALSE(line.is_whole());
        CHECK_FALSE(line.collected.closed);
        CHECK(waiting.error == Error::os(ETIMEDOUT));
        line.sim.heal(line.server, line.client);
        line.sim.run_for(10s);
        CHECK(line.is_whole());
        CHECK(line.collected.ended);
        CHECK_FALSE(line.poured.error);
    }
}

TEST_CASE("a line that stays cut is given up, and its other end learns of it when it heals") {
    Line line(1, {.delay_max = 1ms});
    line.sim.run_for(3ms);
    line.sim.cut(line.client, line.server);
    line.sim.run_for(16min);
    CHECK(line.poured.error == Error::os(ETIMEDOUT));
    CHECK_FALSE(line.collected.closed);
    line.sim.heal(line.client, line.server);
    line.sim.run_for(1min);
    CHECK_FALSE(line.collected.closed);  // it has sent nothing that could be answered
    {
        const core::Home::Entered entered(&line.server);
        std::ignore = line.at_server->write(Bytes("anybody there?"));
    }
    line.sim.run_for(1min);
    CHECK(line.collected.error == Error::os(ECONNRESET));
}

TEST_CASE("all connections of a host break at the will of a test") {
    Seen again;
    Line line(1, {.delay_max = 1ms});
    line.sim.run_for(3ms);
    line.sim.reset(Line::address);
    line.sim.run_for(1s);
    CHECK(line.poured.error == Error::os(ECONNRESET));
    CHECK(line.collected.error == Error::os(ECONNRESET));
    CHECK((long_text().starts_with(line.collected.got)));
    line.collected = {};
    line.client.connect(Line::address, std::make_unique<Pours>(again));
    line.sim.run_for(1s);
    CHECK(line.is_whole());
}

TEST_CASE("who sends to one that has closed is answered by a reset") {
    Seen seen;
    Simulation sim(1);
    auto& server = sim.add_host();
    struct Leaves final : SocketHandler {
        void on_read(TcpSocket& socket, Slice) override { socket.abort(Error()); }
    };
    REQUIRE(server.listen("10.0.0.1:7", [](TcpSocket&) { return std::make_unique<Leaves>(); }));
    struct Goes final : SocketHandler {
        explicit Goes(Seen& s) : seen(s) {}
        void on_connected(TcpSocket& socket) override { std::ignore = socket.write(Bytes("bye")); }
        void on_read(TcpSocket&, Slice) override {}
        void on_end(TcpSocket& socket) override {
            seen.ended = true;
            std::ignore = socket.write(Bytes("one more"));
        }
        void on_closed(TcpSocket&, Error e) override {
            seen.closed = true;
            seen.error = e;
        }
        Seen& seen;
    };
    auto& client = sim.add_host();
    auto& socket = client.connect("10.0.0.1:7", std::make_unique<Goes>(seen));
    sim.run_for(1s);
    CHECK(seen.ended);
    CHECK_FALSE(seen.closed);
    const core::Home::Entered entered(&client);
    CHECK(taken(socket.write(Bytes("and another"))));
    sim.run_for(1s);
    CHECK((seen.error == Error::os(ECONNRESET) || seen.error == Error::os(EPIPE)));
}

TEST_CASE("unix sockets carry bytes, and know no faults of the network") {
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Seen collected, poured;
        Simulation sim(seed, {.short_transfer = 0.5, .reset = 1, .half_open = 1, .delay_max = 1ms});
        auto& server = sim.add_host();
        auto listener = std::make_unique<Listener>(
            server, [&](TcpSocket&) { return std::make_unique<Collects>(collected); });
        REQUIRE(listener->start(*server.backend().open_unix_listening("@line", {})));
        std::ignore = listener.release();
        sim.add_host().connect_unix("@line", std::make_unique<Pours>(poured));
        sim.run_for(10s);
        CHECK((collected.got == long_text()));
        CHECK(collected.ended);
        CHECK_FALSE(poured.error);
    }
}
