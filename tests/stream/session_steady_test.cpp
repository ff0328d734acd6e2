// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>

#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

#include <stream/session_world.hpp>
#include <support/allocations.hpp>

using namespace penstock;
using namespace penstock::test;
using penstock::stream::Channel;
using penstock::stream::Packet;

// Two sessions of one worker, over loopback and epoll.
namespace {

constexpr std::uint8_t line = 0x10;

struct Shared {
    std::atomic<std::uint64_t> bytes = 0, messages = 0;
    std::size_t message_bytes = 0;
    std::shared_ptr<const Buffer> payload;
};
struct Box {
    Shared* shared;
    static constexpr bool sendable = true;
};

struct Pump final : stream::ChannelHandler {
    explicit Pump(Shared& s) : shared(s) {}
    void on_writable(Channel& channel) override {
        while (true) {
            const auto& payload = *shared.payload;
            const auto answer = payload.size() >= 4096 ? channel.send(line, shared.payload)
                                                       : channel.send(line, Bytes(payload));
            if (answer != Sent::more) return;
        }
    }
    void on_packet(Channel&, Packet) override {}
    Shared& shared;
};

struct Sink final : stream::ChannelHandler {
    explicit Sink(Shared& s) : shared(s) {}
    void on_packet(Channel& channel, Packet packet) override {
        if (channel.letter() == 'B' && packet.data.size() < core::slab_bytes && ++count % 64 == 0 &&
            !std::exchange(was_back, true))
            return channel.put_back(std::move(packet));
        was_back = false;
        shared.bytes.fetch_add(packet.data.size(), std::memory_order_relaxed);
        shared.messages.fetch_add(1, std::memory_order_relaxed);
    }
    Shared& shared;
    std::size_t count = 0;
    bool was_back = false;
};

/// Both ends, in the worker's storage.
struct Ends {
    explicit Ends(Worker& worker) : client(worker), server(worker) {}
    Side client, server;
};

Result<void> start(Worker& worker, Box box) {
    auto& ends = worker.local<Ends>();
    auto& shared = *box.shared;
    for (const char letter : {'A', 'B'}) {
        const stream::ChannelOptions options{};
        ends.client.table->add(letter, options, [&](Channel&) { return std::make_unique<Pump>(shared); });
        ends.server.table->add(letter, options, [&](Channel&) { return std::make_unique<Sink>(shared); });
    }
    ends.client.make(terms_of(stream::Role::client, *ends.client.table));
    ends.server.make(terms_of(stream::Role::server, *ends.server.table));
    auto listening = worker.open_listener("127.0.0.1:0", [&ends](TcpSocket& socket) {
        auto carrier = std::make_unique<net::SocketCarrier>(socket);
        carrier->line().add(std::make_unique<stream::TcpCarrier>(*ends.server.session, ends.server.algorithms,
                                                                 crypto::Suite::aes_gcm, made_up_keys()));
        return carrier;
    });
    if (!listening) return fail(listening);
    worker.connect(
        (*listening)->address(), std::make_unique<Connecting>([&ends](Pipeline& pipeline) {
            pipeline.add(std::make_unique<stream::TcpCarrier>(*ends.client.session, ends.client.algorithms,
                                                              crypto::Suite::aes_gcm, made_up_keys()));
        }));
    return {};
}

struct Measured {
    double gigabytes_per_cpu_second;
    std::uint64_t messages, allocations;
};

Measured measure(std::size_t message_bytes) {
    Shared shared;
    shared.message_bytes = message_bytes;
    shared.payload = std::make_shared<const Buffer>(Buffer::copy(message_text(1, message_bytes)));
    Reactor reactor({.workers = 1});
    REQUIRE(reactor.start(start, Box{&shared}));
    const auto wait = [&](std::uint64_t bytes) {
        const auto until = shared.bytes + bytes;
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (shared.bytes < until && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(1ms);
        CHECK(shared.bytes >= until);
    };
    wait(20'000'000);
    reactor.logger().flush();
    // The pools grow to what the worst turn needs, which no fixed time brings. What is allocated per record
    // or per packet shows in every round.
    Measured out{};
    for (int round = 0; round < 20; ++round) {
        const auto before = allocations_of_other_threads();
        const auto messages = shared.messages.load();
        const auto bytes = shared.bytes.load();
        const auto from = std::clock();
        wait(20'000'000);
        const auto took = static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC;
        out = {static_cast<double>(shared.bytes - bytes) / took / 1e9, shared.messages - messages,
               allocations_of_other_threads() - before};
        if (out.allocations == 0) break;
    }
    return out;
}

}  // namespace

TEST_CASE("records and packets allocate nothing in the steady state") {
    for (const std::size_t size : {64u, 1000u, 9000u, 100'000u}) {
        CAPTURE(size);
        const auto measured = measure(size);
        MESSAGE(size << " B messages, both ends on one core: " << measured.gigabytes_per_cpu_second
                     << " GB per second of CPU time");
        CHECK(measured.messages > 0);
        if (allocations_are_counted) CHECK(measured.allocations == 0);
    }
}
