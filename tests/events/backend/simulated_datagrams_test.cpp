// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/datagram_socket.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

struct Seen {
    std::vector<std::string> texts;
    std::vector<Address> from;
    std::vector<Error> errors;
    int cut = 0;
};
struct Keeps final : DatagramHandler {
    explicit Keeps(Seen& s) : seen(s) {}
    void on_datagrams(DatagramSocket&, std::span<Datagram> all) override {
        for (const auto& datagram : all) {
            seen.texts.emplace_back(datagram.data.text());
            seen.from.push_back(datagram.peer);
            seen.cut += datagram.is_cut;
        }
    }
    void on_error(DatagramSocket&, Error error) override { seen.errors.push_back(error); }
    Seen& seen;
};

constexpr Address there{"10.0.0.1:53"};

DatagramOptions to(const Address& peer) {
    DatagramOptions out;
    out.peer = peer;
    return out;
}
DatagramOptions sharing() {
    DatagramOptions out;
    out.share_port = true;
    return out;
}

/// One who sends numbers, and one who keeps them.
struct Line {
    explicit Line(std::uint64_t seed, const Faults& faults = {})
        : sim(seed, faults), receiver(sim.add_host()), sender(sim.add_host()) {
        REQUIRE(receiver.open_datagram(there, std::make_unique<Keeps>(received)));
        auto opened = sender.open_datagram("0.0.0.0:0", std::make_unique<Keeps>(back));
        REQUIRE(opened);
        socket = *opened;
    }
    void send(int from, int to) {
        const core::Home::Entered entered(&sender);
        for (int i = from; i < to; ++i) {
            CHECK(taken(socket->send(there, Bytes(std::to_string(i)))));
            if (i % 7 == 0) sim.run_for(10us);
        }
        sim.run_for(1s);
    }
    Seen received, back;
    Simulation sim;
    Worker& receiver;
    Worker& sender;
    DatagramSocket* socket = nullptr;
};

bool is_ordered(const std::vector<std::string>& texts) {
    return std::ranges::is_sorted(texts, {}, [](const auto& text) { return std::stoi(text); });
}

}  // namespace

TEST_CASE("without faults datagrams come in order, once and whole") {
    for (const auto seed : seeds(10)) {
        CAPTURE(seed);
        Line line(seed, {.short_transfer = 0.5, .again = 0.5, .delay_max = 5ms});
        line.send(0, 200);
        CHECK(line.received.texts.size() == 200);
        CHECK(is_ordered(line.received.texts));
        CHECK(line.received.from[0] == line.sim.address_of(line.sender, line.socket->local().port()));
    }
}

TEST_CASE("datagrams are lost, doubled, overtaken and cut, each by its own fault") {
    struct Counts {
        std::size_t all = 0, different = 0;
        int cut = 0;
        bool ordered = true;
    };
    auto run = [](const Faults& faults) {
        Line line(3, faults);
        line.send(1000, 2000);
        auto& texts = line.received.texts;
        Counts out{.all = texts.size(), .cut = line.received.cut};
        std::erase_if(texts, [](const auto& text) { return text.size() != 4; });
        out.ordered = is_ordered(texts);
        out.different = std::set(texts.begin(), texts.end()).size();
        return out;
    };
    const auto lost = run({.loss = 0.2});
    CHECK(lost.all < 900);
    CHECK(lost.all > 700);
    CHECK(lost.ordered);
    const auto doubled = run({.duplicate = 0.2});
    CHECK(doubled.all > 1100);
    CHECK(doubled.different == 1000);
    const auto overtaken = run({.reorder = 0.2});
    CHECK(overtaken.all == 1000);
    CHECK_FALSE(overtaken.ordered);
    const auto cut = run({.cut = 0.2});
    CHECK(cut.all == 1000);
    CHECK(cut.cut > 100);
    CHECK(cut.different == 1000 - static_cast<std::size_t>(cut.cut));
}

TEST_CASE("what finds no room is dropped") {
    Seen kept;
    Line line(1);
    DatagramOptions options;
    options.buffer_bytes = 10'000;
    auto small = line.receiver.open_datagram("10.0.0.1:54", std::make_unique<Keeps>(kept), options);
    REQUIRE(small);
    (*small)->ready_to_read(false);
    const core::Home::Entered entered(&line.sender);
    const std::string text(1000, 'x');
    for (int i = 0; i < 20; ++i) std::ignore = line.socket->send("10.0.0.1:54", Bytes(text));
    line.sim.run_for(1s);
    {
        const core::Home::Entered there_now(&line.receiver);
        (*small)->ready_to_read(true);
    }
    line.sim.run_for(1s);
    CHECK(kept.texts.size() == 7);
}

TEST_CASE("sockets that share a port have each their own senders, and others are refused it") {
    Seen seen[3], nothing;
    Simulation sim(1);
    auto& server = sim.add_host();
    for (auto& each : seen) REQUIRE(server.open_datagram(there, std::make_unique<Keeps>(each), sharing()));
    CHECK(server.open_datagram(there, std::make_unique<Keeps>(nothing)).error() == Error::os(EADDRINUSE));
    CHECK(sim.add_host().open_datagram(there, std::make_unique<Keeps>(nothing), sharing()).error() ==
          Error::os(EADDRINUSE));
    auto& client = sim.add_host();
    for (int i = 0; i < 30; ++i) {
        auto* socket = *client.open_datagram("0.0.0.0:0", std::make_unique<Keeps>(nothing));
        for (int k = 0; k < 4; ++k) std::ignore = socket->send(there, Bytes("hello"));
    }
    sim.run_for(1s);
    std::set<Address> all;
    for (const auto& each : seen) {
        const std::set<Address> own(each.from.begin(), each.from.end());
        CHECK(own.size() > 2);
        CHECK(each.from.size() == own.size() * 4);
        all.insert(own.begin(), own.end());
    }
    CHECK(all.size() == 30);
}

TEST_CASE("a connected socket hears its peer alone, and that nobody is there") {
    Seen seen, alone;
    Line line(1);
    auto& host = line.sim.add_host();
    auto connected = host.open_datagram("0.0.0.0:0", std::make_unique<Keeps>(seen), to(there));
    REQUIRE(connected);
    const auto at = line.sim.address_of(host, (*connected)->local().port());
    {
        const core::Home::Entered entered(&host);
        std::ignore = (*connected)->send({}, Bytes("to the peer"));
    }
    {
        const core::Home::Entered entered(&line.sender);
        std::ignore = line.socket->send(at, Bytes("from a stranger"));
    }
    line.sim.run_for(1s);
    CHECK(line.received.texts == std::vector<std::string>{"to the peer"});
    CHECK(seen.texts.empty());

    const core::Home::Entered entered(&host);
    auto vain = host.open_datagram("0.0.0.0:0", std::make_unique<Keeps>(alone), to("10.0.0.1:99"));
    REQUIRE(vain);
    std::ignore = (*vain)->send({}, Bytes("anybody?"));
    line.sim.run_for(1s);
    REQUIRE(alone.errors.size() == 1);
    CHECK(alone.errors[0] == Error::os(ECONNREFUSED));
}

TEST_CASE("one that the system refuses is counted, and the others go") {
    Line line(1);
    {
        const core::Home::Entered entered(&line.sender);
        const std::string text(70'000, 'x');
        std::ignore = line.socket->send(there, Bytes(text));
        std::ignore = line.socket->send({}, Bytes("to whom?"));
        std::ignore = line.socket->send("[fd00::1]:53", Bytes("another family"));
        std::ignore = line.socket->send(there, Bytes("fine"));
    }
    line.sim.run_for(1s);
    CHECK(line.socket->counts().refused == 3);
    CHECK(line.received.texts == std::vector<std::string>{"fine"});
}

TEST_CASE("over a line that is cut nothing comes") {
    Line line(1);
    line.send(0, 1);
    line.sim.cut(line.sender, there);
    line.send(1, 2);
    line.sim.heal(line.sender, there);
    line.send(2, 3);
    CHECK(line.received.texts == std::vector<std::string>{"0", "2"});
}
