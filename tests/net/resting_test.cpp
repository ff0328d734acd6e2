// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/net/socket_carrier.hpp>
#include <penstock/net/tcp_server.hpp>

#include <cerrno>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

constexpr Address address("10.0.0.1:80");
constexpr auto kept_max = net::RestList::kept_max;

struct Tally {
    std::size_t made = 0, living = 0, ends = 0, sent = 0;
};

/// Answers, and rests whenever it has; "hold" keeps it from that until more comes.
class Quiet final : public pipeline::Handler {
public:
    explicit Quiet(Tally& tally) : tally_(tally) {
        ++tally_.made;
        ++tally_.living;
    }
    ~Quiet() override { --tally_.living; }
    void on_added(pipeline::Slot& slot) override {
        slot.pipeline().idle_timeout(60s);
        slot.pipeline().rest();
    }
    void on_read(pipeline::Slot& slot, Slice slice) override {
        const bool rests = slice.text() != "hold";
        if (slice.text() == "done")
            slot.write(std::move(slice), [this](Result<void>) { ++tally_.sent; });
        else
            slot.write(std::move(slice));
        if (rests) slot.pipeline().rest();
    }
    void on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error) override {
        ++tally_.ends;
        slot.shutdown_done(direction);
    }

private:
    Tally& tally_;
};

struct Client final : SocketHandler {
    explicit Client(TcpSocket*& s) : place(s) {}
    ~Client() override { place = nullptr; }
    void on_connected(TcpSocket& s) override { place = &s; }
    void on_read(TcpSocket&, Slice slice) override { *got += slice.text(); }
    void on_closed(TcpSocket&, Error e) override { *error = e; }
    TcpSocket*& place;
    std::shared_ptr<std::string> got = std::make_shared<std::string>();
    std::shared_ptr<Error> error = std::make_shared<Error>(Error::os(EINPROGRESS));
};

struct World {
    explicit World(std::size_t clients, net::Fill fill, std::uint64_t seed = 1, Faults faults = {})
        : sim(seed, faults),
          host(sim.add_host()),
          other(sim.add_host()),
          server(host, address, std::move(fill)) {
        REQUIRE(server.start());
        for (std::size_t i = 0; i < clients; ++i) add();
        sim.run_for(1s);
    }
    explicit World(std::size_t clients, Tally& tally, std::uint64_t seed = 1, Faults faults = {})
        : World(
              clients, [&tally](Pipeline& line) { line.add(std::make_unique<Quiet>(tally)); }, seed, faults) {
    }
    ~World() {
        server.close();
        sim.run_for(1s);
    }
    void add() {
        auto& one = all.emplace_back();
        auto client = std::make_unique<Client>(one.socket);
        one.got = client->got;
        one.error = client->error;
        other.connect(address, std::move(client));
    }
    std::string ask(std::size_t i, const std::string& text) {
        all[i].got->clear();
        std::ignore = all[i].socket->write(Bytes(text));
        sim.run_for(20ms);
        return *all[i].got;
    }
    struct One {
        TcpSocket* socket = nullptr;
        std::shared_ptr<std::string> got;
        std::shared_ptr<Error> error;
    };
    std::deque<One> all;
    Simulation sim;
    Worker& host;
    Worker& other;
    net::TcpServer server;
};

}  // namespace

TEST_CASE(
    "of many connections at rest so many keep their pipelines, the others get new ones when bytes come") {
    constexpr auto count = kept_max + 50;
    for (const auto seed : seeds(5)) {
        CAPTURE(seed);
        Tally tally;
        World world(count, tally, seed, {.short_transfer = 0.3, .late = 0.5, .reset = 0, .delay_max = 1ms});
        CHECK(tally.made == count);
        CHECK(tally.living == kept_max);
        CHECK(world.host.sockets() == count);
        for (int round = 0; round < 3; ++round) {
            for (auto& one : world.all) {
                one.got->clear();
                std::ignore = one.socket->write(Bytes("hello"));
            }
            world.sim.run_for(1s);
            for (auto& one : world.all) CHECK(*one.got == "hello");
            CHECK(tally.living == kept_max);
        }
        CHECK(tally.made > count + 50);
        CHECK(tally.ends == 0);
    }
}

TEST_CASE("no more connections than the limit are made anew, one more is") {
    Tally tally;
    World world(kept_max, tally);
    for (std::size_t i = 0; i < kept_max; ++i) CHECK(world.ask(i, "x") == "x");
    CHECK(tally.made == kept_max);
    world.add();
    world.sim.run_for(1s);
    CHECK(tally.living == kept_max);
    CHECK(world.ask(1, "x") == "x");
    CHECK(tally.made == kept_max + 1);
    CHECK(world.ask(0, "x") == "x");  // it had rested for longest
    CHECK(tally.made == kept_max + 2);
}

TEST_CASE(
    "a connection that is at rest closes with its peer, with the drain and when it was idle for too long") {
    constexpr auto count = kept_max + 10;
    for (const int ends_by : {0, 1, 2}) {
        CAPTURE(ends_by);
        Tally tally;
        World world(count, tally);
        if (ends_by == 0)
            for (std::size_t i = 0; i < 10; ++i) world.all[i].socket->finish();
        else if (ends_by == 1)
            world.host.drain();
        else
            world.sim.run_for(50s);
        world.sim.run_for(5s);
        CHECK(world.host.sockets() == (ends_by == 0 ? kept_max : ends_by == 1 ? 0 : count));
        if (ends_by == 0) CHECK(tally.living <= kept_max);
        if (ends_by == 2) {
            world.sim.run_for(10s);
            CHECK(world.host.sockets() == 0);
            CHECK(tally.living == 0);
        }
    }
}

TEST_CASE("who has something under way keeps its pipeline, however many rest") {
    Tally tally;
    World world(2, tally);
    CHECK(world.ask(0, "hold") == "hold");
    CHECK(world.ask(1, "x") == "x");
    for (std::size_t i = 0; i < 2 * kept_max; ++i) world.add();
    world.sim.run_for(1s);
    CHECK(tally.living == kept_max + 1);
    const auto before = tally.made;
    CHECK(world.ask(0, "more") == "more");
    CHECK(tally.made == before);
    CHECK(tally.living == kept_max);
    CHECK(world.ask(1, "more") == "more");
    CHECK(tally.made == before + 1);
}

TEST_CASE("a pipeline that was made anew because something comes is kept while that is under way") {
    Tally tally;
    World world(2 * kept_max, tally);
    for (auto& one : world.all) std::ignore = one.socket->write(Bytes("hold"));
    world.sim.run_for(1s);
    CHECK(tally.living == 2 * kept_max);
    const auto made = tally.made;
    CHECK(made >= 3 * kept_max);
    for (std::size_t i = 0; i < 2 * kept_max; ++i) CHECK(world.ask(i, "x") == "x");
    CHECK(tally.made == made);
    CHECK(tally.living == kept_max);
}

TEST_CASE(
    "a pipeline whose window is closed, that has two handlers, or that awaits a completion, does not rest") {
    Tally tally;
    struct Layer final : pipeline::Handler {
        void on_read(pipeline::Slot& slot, Slice slice) override { slot.pass_read(std::move(slice)); }
    };
    World world(kept_max + 5, [&](Pipeline& line) {
        if (tally.made % 2 == 0) {
            line.add(std::make_unique<Layer>(), std::make_unique<Quiet>(tally));
        } else {
            line.add(std::make_unique<Quiet>(tally));
            line.rightmost()->window(100);
        }
    });
    CHECK(tally.living == kept_max + 5);
    for (std::size_t i = 0; i < world.all.size(); ++i) CHECK(world.ask(i, "x") == "x");
    CHECK(tally.made == kept_max + 5);

    Tally waits;
    World other(kept_max + 5, waits);
    for (auto& one : other.all) {
        one.got->clear();
        std::ignore = one.socket->write(Bytes("done"));
    }
    other.sim.run_for(1s);
    for (auto& one : other.all) CHECK(*one.got == "done");
    CHECK(waits.sent == kept_max + 5);
}

TEST_CASE("a write of a pipeline that was made anew is done when its own bytes have left") {
    struct Large final : pipeline::Handler {
        explicit Large(std::vector<std::size_t>& u) : unsent(u) {}
        void on_added(pipeline::Slot& slot) override { slot.pipeline().rest(); }
        void on_read(pipeline::Slot& slot, Slice slice) override {
            const std::string large(4'000'000, 'x');
            if (slice.text() != "last") {
                slot.write(Buffer::copy(Bytes(large)).slice());
                return slot.pipeline().rest();
            }
            auto& socket = dynamic_cast<net::SocketCarrier&>(slot.pipeline().carrier()).socket();
            slot.write(Buffer::copy(Bytes(large)).slice(),
                       [this, &socket](Result<void>) { unsent.push_back(socket.unsent_bytes()); });
        }
        std::vector<std::size_t>& unsent;
    };
    std::vector<std::size_t> unsent;
    std::size_t made = 0;
    World world(kept_max + 1, [&](Pipeline& line) {
        ++made;
        line.add(std::make_unique<Large>(unsent));
    });
    for (std::size_t i = 0; i <= kept_max; ++i) {
        std::ignore = world.ask(i, "x");
        world.sim.run_for(50ms);
    }
    world.sim.run_for(5s);
    const auto before = made;
    std::ignore = world.ask(0, "last");
    world.sim.run_for(10s);
    CHECK(made == before + 1);
    REQUIRE(unsent.size() == 1);
    CHECK(unsent[0] == 0);
}

TEST_CASE("a fill that aborts when bytes come gets none") {
    int reads = 0;
    bool aborts = false;
    struct Counts final : pipeline::Handler {
        explicit Counts(int& r) : reads(r) {}
        void on_added(pipeline::Slot& slot) override { slot.pipeline().rest(); }
        void on_read(pipeline::Slot& slot, Slice) override {
            ++reads;
            slot.pipeline().rest();
        }
        int& reads;
    };
    World world(kept_max + 1, [&](Pipeline& line) {
        line.add(std::make_unique<Counts>(reads));
        if (aborts) line.abort();
    });
    for (std::size_t i = 0; i <= kept_max; ++i) std::ignore = world.ask(i, "x");  // the first rests longest
    CHECK(reads == kept_max + 1);
    aborts = true;
    std::ignore = world.ask(0, "x");
    CHECK(reads == kept_max + 1);
    CHECK(world.host.sockets() == kept_max);
}

TEST_CASE("a fill that throws when bytes come ends that connection alone") {
    Tally tally;
    bool throws = false;
    World world(kept_max + 2, [&](Pipeline& line) {
        if (throws) throw std::runtime_error("on purpose");
        line.add(std::make_unique<Quiet>(tally));
    });
    throws = true;
    CHECK(world.ask(0, "x").empty());
    CHECK(world.all[0].socket == nullptr);
    throws = false;
    CHECK(world.ask(1, "x") == "x");
    CHECK(world.ask(2, "x") == "x");
    CHECK(world.host.sockets() == kept_max + 1);
}
