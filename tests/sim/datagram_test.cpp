// SPDX-License-Identifier: Apache-2.0
// Requests and responses over datagrams, with retries: each request is answered once and rightly in the end,
// however many datagrams are lost, doubled, overtaken or cut.
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/timer.hpp>

#include <map>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "scenario.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

constexpr Address address{"10.0.0.1:53"};

/// "ID:SIZE:BYTES", the bytes a pattern of the id.
std::string message(unsigned id, std::size_t size) {
    return std::to_string(id) + ':' + std::to_string(size) + ':' + test::Pattern(id).text(0, size);
}
/// Its id, when it is whole.
std::optional<unsigned> parse(std::string_view text) {
    const auto first = text.find(':'), second = text.find(':', first + 1);
    if (second == std::string_view::npos) return {};
    const auto id = static_cast<unsigned>(std::stoul(std::string(text.substr(0, first))));
    const auto size = std::stoul(std::string(text.substr(first + 1, second - first - 1)));
    const auto bytes = text.substr(second + 1);
    if (bytes.size() != size) return {};
    CHECK(test::Pattern(id).is_at(0, bytes));
    return id;
}

/// Answers a request by itself, the bytes reversed twice over.
struct Server final : DatagramHandler {
    void on_datagrams(DatagramSocket& socket, std::span<Datagram> all) override {
        for (auto& datagram : all) {
            const auto id = parse(datagram.data.text());
            CHECK((id || datagram.is_cut));  // it says when it is cut
            if (id && !datagram.is_cut) std::ignore = socket.send(datagram.peer, std::move(datagram.data));
        }
    }
};

/// Asks again and again until it is answered.
struct Client final : DatagramHandler {
    Client(Worker& worker, unsigned f, unsigned count, std::map<unsigned, int>& a)
        : first(f), answered(a), again(worker, [this] { ask(); }) {
        for (unsigned i = 0; i < count; ++i) open[first + i] = worker.random().below(2'000);
        again.arm_every(50ms);
    }
    void ask() {
        for (const auto& [id, size] : open) std::ignore = socket->send(address, Bytes(message(id, size)));
        if (open.empty()) again.cancel();
    }
    void on_datagrams(DatagramSocket&, std::span<Datagram> all) override {
        for (const auto& datagram : all) {
            CHECK(datagram.peer == address);
            const auto id = parse(datagram.data.text());
            if (datagram.is_cut || !id || open.erase(*id) == 0) continue;  // answered before
            ++answered[*id];
        }
    }
    const unsigned first;
    std::map<unsigned, std::size_t> open;
    std::map<unsigned, int>& answered;
    DatagramSocket* socket = nullptr;
    Timer again;
};

}  // namespace

TEST_CASE("each request over datagrams is answered once, in the end") {
    for (const auto seed : seeds(1000)) {
        CAPTURE(seed);
        std::map<unsigned, int> answered;
        Simulation sim(seed, test::draw_faults(seed));
        Reactor server(sim, {.workers = 1 + static_cast<unsigned>(sim.random().below(3))});
        REQUIRE(server.start([](Worker& worker) -> Result<void> {
            DatagramOptions options;
            options.share_port = true;
            auto opened = worker.open_datagram(address, std::make_unique<Server>(), options);
            if (!opened) return fail(opened);
            return {};
        }));
        unsigned all = 0;
        const auto clients = 1 + sim.random().below(4);
        for (unsigned i = 0; i < clients; ++i) {
            auto& worker = sim.add_host();
            const core::Home::Entered entered(&worker);
            const auto count = 1 + static_cast<unsigned>(sim.random().below(10));
            DatagramOptions options;
            const bool is_connected = sim.random().below(2) == 0;
            if (is_connected) options.peer = address;
            auto made = std::make_unique<Client>(worker, all, count, answered);
            auto& client = *made;
            auto opened = worker.open_datagram("0.0.0.0:0", std::move(made), options);
            REQUIRE(opened);
            client.socket = *opened;
            all += count;
        }
        CHECK(sim.run_until([&] { return answered.size() == all; }, 10min));
        sim.run_for(1min);
        CHECK(answered.size() == all);
        for (const auto& [id, times] : answered) CHECK(times == 1);
    }
}
