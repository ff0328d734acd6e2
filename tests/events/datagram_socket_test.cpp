// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/detail/os_datagram.hpp>
#include <penstock/events/reactor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hand_worker.hpp"
#include "late_backend.hpp"
#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

const Address any_port("127.0.0.1:0");

DatagramOptions with_room(int bytes) {
    DatagramOptions out;
    out.buffer_bytes = bytes;
    return out;
}
DatagramOptions connected(const Address& peer) {
    DatagramOptions out;
    out.peer = peer;
    return out;
}
DatagramOptions shared() {
    DatagramOptions out;
    out.share_port = true;
    return out;
}

struct Told {
    std::vector<std::string> texts;
    std::vector<Address> peers;
    std::vector<Error> errors;
    std::size_t batches = 0, cut = 0, writable = 0, drains = 0, closed = 0, died = 0;
    Error error = Error::os(EINPROGRESS);  // until it is closed
    DatagramSocket::Counts counts;         // when it was closed
    std::function<void(DatagramSocket&, std::span<Datagram>)> on_datagrams;
    std::function<void(DatagramSocket&)> on_writable, on_error;
};

struct Tells final : DatagramHandler {
    explicit Tells(Told& t) : told(t) {}
    ~Tells() override { ++told.died; }
    void on_datagrams(DatagramSocket& socket, std::span<Datagram> datagrams) override {
        CHECK(told.closed == 0);
        CHECK_FALSE(datagrams.empty());
        ++told.batches;
        for (const auto& datagram : datagrams) {
            told.texts.emplace_back(datagram.data.text());
            told.peers.push_back(datagram.peer);
            told.cut += datagram.is_cut ? 1 : 0;
        }
        if (told.on_datagrams) told.on_datagrams(socket, datagrams);
    }
    void on_writable(DatagramSocket& socket) override {
        CHECK(told.closed == 0);
        ++told.writable;
        if (told.on_writable) told.on_writable(socket);
    }
    void on_error(DatagramSocket& socket, Error e) override {
        CHECK(told.closed == 0);
        told.errors.push_back(e);
        if (told.on_error) told.on_error(socket);
    }
    void on_closed(DatagramSocket& socket, Error e) override {
        CHECK(told.died == 0);
        CHECK(socket.send(any_port, Bytes("late")) == Sent::closed);
        ++told.closed;
        told.error = e;
        told.counts = socket.counts();
    }
    Told& told;
};

DatagramSocket& open(test::HandWorker& worker, Told& told, const Address& at = any_port,
                     const DatagramOptions& options = {}) {
    auto opened = worker->open_datagram(at, std::make_unique<Tells>(told), options);
    REQUIRE(opened);
    return **opened;
}

/// A system's socket of 127.0.0.1 that no worker knows.
class Peer {
public:
    Peer() : number_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* name = reinterpret_cast<sockaddr*>(&at);
        REQUIRE(::bind(number_, name, size) == 0);
        REQUIRE(::getsockname(number_, name, &size) == 0);
        address_ = Address::v4({127, 0, 0, 1}, ntohs(at.sin_port));
    }
    ~Peer() { ::close(number_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    const Address& address() const { return address_; }
    void send(const Address& to, std::string_view text) const {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.sin_port = htons(to.port());
        REQUIRE(::sendto(number_, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&at), sizeof at) ==
                static_cast<ssize_t>(text.size()));
    }
    /// Without waiting: all that is there.
    std::vector<std::string> receive() const {
        std::vector<std::string> out;
        std::string room(70'000, '\0');
        for (ssize_t got; (got = ::recv(number_, room.data(), room.size(), 0)) >= 0;)
            out.push_back(room.substr(0, static_cast<std::size_t>(got)));
        return out;
    }

private:
    int number_;
    Address address_;
};

std::string text_of(std::size_t bytes, std::size_t seed) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>('a' + (i * 31 + i / 251 + seed) % 26);
    return out;
}

test::HandWorker::Options backend(bool is_late) {
    return is_late ? test::HandWorker::Options{.backend = test::late_backend()} : test::HandWorker::Options{};
}

/// Answers where it came from.
void echo(DatagramSocket& socket, std::span<Datagram> datagrams) {
    for (auto& datagram : datagrams) CHECK(taken(socket.send(datagram.peer, std::move(datagram.data))));
}

}  // namespace

TEST_CASE("an echo gives back datagrams of every size, each whole, to the one that sent it") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        Told server_told;
        std::array<Told, 3> told;
        test::HandWorker worker(backend(is_late));
        server_told.on_datagrams = echo;
        auto& server = open(worker, server_told, any_port, with_room(4'000'000));
        CHECK(server.local().port() != 0);
        constexpr std::size_t clients = 3;
        std::vector<DatagramSocket*> sockets;
        for (auto& one : told) sockets.push_back(&open(worker, one));
        core::SeededRandom random(7);
        constexpr std::array<std::size_t, 14> sizes{0,     1,      2,      511,    1'200,  1'200,  1'201,
                                                    1'472, 16'383, 16'384, 32'749, 32'750, 65'000, 65'507};
        std::size_t datagrams = 0, bytes = 0;
        for (std::size_t round = 0; round < 60; ++round) {
            std::array<std::vector<std::string>, clients> sent;
            for (auto& one : told) one.texts.clear();
            std::size_t in_flight = 0;
            {
                const auto entered = worker.enter();
                while (in_flight < 70'000) {  // what the system's buffers surely hold
                    const auto client = random.below(clients);
                    const auto size = sizes[random.below(sizes.size())];
                    for (auto runs = random.below(4) == 0 ? 1 + random.below(5) : 1; runs > 0; --runs) {
                        if (in_flight > 0 && in_flight + size > 70'000) break;
                        sent[client].push_back(text_of(size, datagrams));
                        REQUIRE(sockets[client]->send(server.local(), Bytes(sent[client].back())) ==
                                Sent::more);
                        ++datagrams;
                        in_flight += size + 700;
                        bytes += size;
                    }
                }
            }
            REQUIRE(worker.turn_until([&] {
                for (std::size_t i = 0; i < clients; ++i)
                    if (told[i].texts.size() < sent[i].size()) return false;
                return true;
            }));
            for (std::size_t i = 0; i < clients; ++i) {
                CHECK(told[i].texts == sent[i]);
                for (const auto& peer : told[i].peers) CHECK(peer == server.local());
            }
        }
        CHECK(datagrams > 300);
        const auto& in = server.counts();
        CHECK(in.datagrams_in == datagrams);
        CHECK(in.datagrams_out == datagrams);
        CHECK(in.bytes_in == bytes);
        CHECK(in.bytes_out == bytes);
        CHECK(in.refused == 0);
        DatagramSocket::Counts sum;
        for (const auto* socket : sockets) {
            sum.datagrams_in += socket->counts().datagrams_in;
            sum.datagrams_out += socket->counts().datagrams_out;
            sum.bytes_in += socket->counts().bytes_in;
            sum.bytes_out += socket->counts().bytes_out;
            CHECK(socket->unsent() == 0);
            CHECK(socket->unsent_bytes() == 0);
        }
        CHECK(sum.datagrams_in == datagrams);
        CHECK(sum.datagrams_out == datagrams);
        CHECK(sum.bytes_in == bytes);
        CHECK(sum.bytes_out == bytes);
        CHECK(server_told.cut == 0);
        CHECK(server_told.errors.empty());
    }
}

TEST_CASE("tens of thousands go through in batches, none lost, doubled or out of order") {
    Told from, to;
    test::HandWorker worker;
    auto& sender = open(worker, from);
    auto& receiver = open(worker, to, any_port, with_room(4'000'000));
    constexpr std::size_t all = 40'000, window = 200;
    for (std::size_t next = 0; next < all;) {
        {
            const auto entered = worker.enter();
            for (std::size_t i = 0; i < window; ++i, ++next)
                REQUIRE(taken(sender.send(receiver.local(), Bytes(std::to_string(next)))));
        }
        REQUIRE(worker.turn_until([&] { return to.texts.size() == next; }));
    }
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < all; ++i) wrong += to.texts[i] == std::to_string(i) ? 0 : 1;
    CHECK(wrong == 0);
    CHECK(to.batches < all / 10);
    CHECK(sender.counts().datagrams_out == all);
    CHECK(receiver.counts().datagrams_in == all);
}

TEST_CASE("of thousands at once, what arrives arrives whole and in order, and the counts add up") {
    Told from, to;
    test::HandWorker worker;
    auto& sender = open(worker, from);
    auto& receiver = open(worker, to);
    constexpr auto all = DatagramSocket::unsent_max;
    {
        const auto entered = worker.enter();
        for (std::size_t i = 0; i < all; ++i)
            REQUIRE(taken(sender.send(receiver.local(), Bytes(text_of(1 + i % 900, i) + std::to_string(i)))));
    }
    REQUIRE(worker.turn_until([&] { return sender.unsent() == 0; }));
    CHECK(worker.comes_to_rest());
    CHECK(sender.counts().datagrams_out == all);
    CHECK(receiver.counts().datagrams_in == to.texts.size());
    CHECK(to.texts.size() <= all);
    CHECK(to.texts.size() > 10);
    std::size_t next = 0, wrong = 0, bytes = 0;
    for (const auto& text : to.texts) {
        while (next < all && text != text_of(1 + next % 900, next) + std::to_string(next)) ++next;
        wrong += next == all ? 1 : 0;
        bytes += text.size();
        ++next;
    }
    CHECK(wrong == 0);
    CHECK(receiver.counts().bytes_in == bytes);
}

TEST_CASE("what is received together comes in one call, in the order of its arrival, and may be kept") {
    Told told;
    test::HandWorker worker;
    std::vector<Slice> kept;
    told.on_datagrams = [&](DatagramSocket&, std::span<Datagram> datagrams) {
        for (auto& datagram : datagrams) kept.push_back(std::move(datagram.data));
    };
    auto& socket = open(worker, told, any_port, with_room(1'000'000));
    const Peer one, two;
    std::vector<std::string> sent;
    for (std::size_t round = 0; round < 4; ++round) {
        for (const std::size_t size : {5u, 20'000u, 0u, 100u}) {
            const auto text = text_of(size, round * 10 + size);
            (size == 100 ? two : one).send(socket.local(), text);
            sent.push_back(text);
        }
        const auto batches = told.batches;
        REQUIRE(worker.turn_until([&] { return kept.size() == sent.size(); }));
        CHECK(told.batches == batches + 1);
    }
    for (std::size_t i = 0; i < sent.size(); ++i) {
        CHECK(kept[i].text() == sent[i]);
        CHECK(told.peers[i] == (sent[i].size() == 100 ? two.address() : one.address()));
    }
}

TEST_CASE("send answers wait at the limits and full beyond, and on_writable comes when half is free") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        Told told;
        test::HandWorker worker(backend(is_late));
        const Peer peer;
        auto& socket = open(worker, told);
        told.on_writable = [](DatagramSocket& one) {
            CHECK(one.unsent() <= DatagramSocket::unsent_max / 2);
            CHECK(one.unsent_bytes() <= DatagramSocket::unsent_bytes_max / 2);
        };
        auto send = [&](std::size_t bytes) {
            const auto entered = worker.enter();
            return socket.send(peer.address(), Bytes(std::string(bytes, 'x')));
        };
        auto goes_out = [&] {
            CHECK(worker.turn_until([&] { return socket.unsent() == 0; }));
            CHECK(socket.unsent_bytes() == 0);
            std::ignore = peer.receive();
        };
        for (std::size_t i = 1; i < DatagramSocket::unsent_max; ++i) REQUIRE(send(1) == Sent::more);
        CHECK(told.writable == 0);
        CHECK(send(1) == Sent::wait);
        CHECK(socket.unsent() == DatagramSocket::unsent_max);
        CHECK(send(1) == Sent::full);
        CHECK(send(0) == Sent::full);
        CHECK(socket.unsent() == DatagramSocket::unsent_max);
        goes_out();
        CHECK(told.writable == 1);
        CHECK(socket.counts().datagrams_out == DatagramSocket::unsent_max);

        constexpr std::size_t sixty_fourth = DatagramSocket::unsent_bytes_max / 64;
        static_assert(sixty_fourth > DatagramSocket::datagram_bytes_max);  // half of it is sent, then
        for (int i = 0; i < 127; ++i) REQUIRE(send(sixty_fourth / 2) == Sent::more);
        CHECK(send(sixty_fourth / 2 - 1) == Sent::more);
        CHECK(send(2) == Sent::full);
        CHECK(send(1) == Sent::wait);
        CHECK(socket.unsent_bytes() == DatagramSocket::unsent_bytes_max);
        CHECK(send(1) == Sent::full);
        CHECK(send(0) == Sent::wait);  // adds nothing
        goes_out();
        CHECK(told.writable == 2);

        CHECK(send(1) == Sent::more);
        CHECK(send(DatagramSocket::unsent_bytes_max) == Sent::full);
        goes_out();
        CHECK(told.writable == 3);  // `full` is told of as well
        CHECK(send(1) == Sent::more);
        goes_out();
        CHECK(told.writable == 3);
    }
}

TEST_CASE("what is sent while others are on their way goes out behind them") {
    auto late = test::late_backend();
    auto* const held = static_cast<test::LateBackend*>(late.get());
    Told told;
    test::HandWorker worker({.backend = std::move(late)});
    const Peer peer;
    auto& socket = open(worker, told);
    held->holds_operations = true;
    for (const char* text : {"one", "two", "three"}) {
        const auto entered = worker.enter();
        CHECK(socket.send(peer.address(), Bytes(text)) == Sent::more);
        worker.turn();
    }
    worker.turn();
    CHECK(socket.unsent() == 3);
    CHECK(socket.unsent_bytes() == 11);
    CHECK(peer.receive().empty());
    held->holds_operations = false;
    CHECK(worker.turn_until([&] { return socket.unsent() == 0; }));
    CHECK(peer.receive() == std::vector<std::string>{"one", "two", "three"});
    CHECK(socket.counts().datagrams_out == 3);
    CHECK(socket.counts().bytes_out == 11);
    CHECK(socket.unsent_bytes() == 0);
}

TEST_CASE("full while others are on their way: on_writable waits for both") {
    auto late = test::late_backend();
    auto* const held = static_cast<test::LateBackend*>(late.get());
    Told told;
    test::HandWorker worker({.backend = std::move(late)});
    const Peer peer;
    auto& socket = open(worker, told);
    held->holds_operations = true;
    auto send = [&](std::size_t count) {
        const auto entered = worker.enter();
        auto answer = Sent::more;
        for (std::size_t i = 0; i < count; ++i) answer = socket.send(peer.address(), Bytes("x"));
        return answer;
    };
    CHECK(send(1'000) == Sent::more);
    worker.turn();
    CHECK(send(3'096) == Sent::wait);
    CHECK(send(1) == Sent::full);
    CHECK(socket.unsent() == 4'096);
    held->holds_operations = false;
    std::size_t left = 0;
    told.on_writable = [&](DatagramSocket& one) { left = one.unsent(); };
    worker.turn();  // the first thousand: too few
    CHECK(told.writable == 0);
    CHECK(socket.unsent() == 3'096);
    CHECK(worker.turn_until([&] { return told.writable == 1; }));
    CHECK(left == 0);
    CHECK(worker.comes_to_rest());
    CHECK(told.writable == 1);
}

TEST_CASE("a connected socket hears that nobody listens there, goes on, and later reaches who does") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        Told told, other;
        test::HandWorker worker(backend(is_late));
        auto peer = std::make_unique<Peer>();
        const auto to = peer->address();
        peer.reset();
        auto& socket = open(worker, told, any_port, connected(to));
        {
            const auto entered = worker.enter();
            CHECK(socket.send({}, Bytes("anybody?")) == Sent::more);
        }
        CHECK(worker.turn_until([&] { return !told.errors.empty(); }));
        CHECK(told.errors.front() == Error::os(ECONNREFUSED));
        CHECK(worker.comes_to_rest());
        CHECK(told.closed == 0);
        other.on_datagrams = echo;
        open(worker, other, to);
        std::size_t tries = 0;
        CHECK(worker.turn_until([&] {
            const auto entered = worker.enter();
            if (++tries % 2 == 1) CHECK(socket.send({}, Bytes("anybody?")) == Sent::more);
            return !told.texts.empty();
        }));
        REQUIRE_FALSE(told.texts.empty());
        CHECK(told.texts[0] == "anybody?");
        CHECK(told.closed == 0);
    }
}

TEST_CASE("a connected socket hears its peer only") {
    Told told;
    test::HandWorker worker;
    const Peer friendly, stranger;
    auto& socket = open(worker, told, any_port, connected(friendly.address()));
    stranger.send(socket.local(), "hello");
    friendly.send(socket.local(), "it is me");
    REQUIRE(worker.turn_until([&] { return !told.texts.empty(); }));
    CHECK(worker.comes_to_rest());
    CHECK(told.texts == std::vector<std::string>{"it is me"});
    {
        const auto entered = worker.enter();
        CHECK(socket.send({}, Bytes("hello")) == Sent::more);
    }
    CHECK(worker.comes_to_rest());
    CHECK(friendly.receive() == std::vector<std::string>{"hello"});
}

TEST_CASE("what the system refuses is counted and told, and the others go out") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        Told told;
        test::HandWorker worker(backend(is_late));
        const Peer peer;
        auto& socket = open(worker, told);
        const auto& to = peer.address();
        auto send = [&](const Address& address, std::size_t bytes) {
            const auto entered = worker.enter();
            CHECK(socket.send(address, Bytes(std::string(bytes, 'x'))) == Sent::more);
        };
        send(to, 1);
        send(to, DatagramSocket::datagram_bytes_max + 1);
        send(to, 2);
        CHECK(worker.turn_until([&] { return socket.unsent() == 0; }));
        CHECK(told.errors == std::vector{Error::os(EMSGSIZE)});
        CHECK(socket.counts().refused == 1);
        send({}, 3);  // to nobody: it is not connected
        send("[::1]:9", 4);
        send(to.with_port(0), 5);
        send(to, 6);
        send(to, DatagramSocket::datagram_bytes_max);
        CHECK(worker.turn_until([&] { return socket.unsent() == 0; }));
        CHECK(worker.comes_to_rest());
        CHECK(told.errors.size() == 2);  // the last one of a call
        CHECK(socket.counts().refused == 4);
        CHECK(socket.counts().datagrams_out == 4);
        CHECK(socket.counts().bytes_out == 1 + 2 + 6 + DatagramSocket::datagram_bytes_max);
        CHECK(socket.unsent_bytes() == 0);
        CHECK(told.closed == 0);
        std::vector<std::size_t> sizes;
        for (const auto& text : peer.receive()) sizes.push_back(text.size());
        CHECK(sizes == std::vector<std::size_t>{1, 2, 6, DatagramSocket::datagram_bytes_max});
    }
}

TEST_CASE("what is left when the system can send no more at all counts as refused") {
    auto late = test::late_backend();
    auto* const held = static_cast<test::LateBackend*>(late.get());
    Told told;
    test::HandWorker worker({.backend = std::move(late)});
    const Peer peer;
    auto& socket = open(worker, told);
    held->fails_operations = Error::os(ENOMEM);
    {
        const auto entered = worker.enter();
        for (int i = 0; i < 3; ++i) CHECK(socket.send(peer.address(), Bytes("x")) == Sent::more);
    }
    CHECK(worker.turn_until([&] { return socket.unsent() == 0; }));
    CHECK(told.errors == std::vector{Error::os(ENOMEM)});
    CHECK(socket.counts().datagrams_out == 0);
    CHECK(socket.counts().refused == 3);
    CHECK(socket.unsent_bytes() == 0);
    CHECK(told.closed == 0);
}

TEST_CASE("datagrams wait in the system while the socket is not ready to read") {
    Told told;
    test::HandWorker worker;
    const Peer peer;
    auto& socket = open(worker, told);
    told.on_datagrams = [](DatagramSocket& one, std::span<Datagram>) { one.ready_to_read(false); };
    peer.send(socket.local(), "one");
    REQUIRE(worker.turn_until([&] { return told.texts.size() == 1; }));
    peer.send(socket.local(), "two");
    peer.send(socket.local(), "three");
    CHECK(worker.comes_to_rest());
    CHECK(told.texts.size() == 1);
    {
        const auto entered = worker.enter();
        socket.ready_to_read(true);
    }
    CHECK(worker.turn_until([&] { return told.texts.size() == 3; }));
    CHECK(told.texts == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("close sends what is queued, then ends, and tells nothing in between") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        Told told;
        Told next;
        test::HandWorker worker(backend(is_late));
        const Peer peer;
        auto& socket = open(worker, told);
        const auto at = socket.local();
        {
            const auto entered = worker.enter();
            for (std::size_t i = 0; i < DatagramSocket::unsent_max; ++i)
                CHECK(taken(socket.send(peer.address(), Bytes("x"))));
            CHECK(socket.send(peer.address(), Bytes("x")) == Sent::full);
            socket.close();
            socket.close();
            CHECK(socket.is_closing());
            CHECK(socket.send(peer.address(), Bytes("y")) == Sent::closed);
        }
        peer.send(at, "too late");
        CHECK(told.closed == 0);
        REQUIRE(worker.turn_until([&] { return told.closed == 1; }));
        CHECK(told.counts.datagrams_out == DatagramSocket::unsent_max);
        CHECK_FALSE(told.error);
        CHECK(told.died == 1);
        CHECK(told.texts.empty());
        CHECK(told.writable == 0);  // nothing more can be sent
        const auto got = peer.receive();
        CHECK_FALSE(got.empty());
        CHECK(std::ranges::count(got, "x") == static_cast<std::ptrdiff_t>(got.size()));
        CHECK(worker->sockets() == 0);
        open(worker, next, at);  // its port is free
    }
}

TEST_CASE("close and abort are legal inside every callback, with something in flight or not") {
    enum class At { datagrams, writable, error };
    for (const bool is_late : {false, true})
        for (const bool aborts : {false, true})
            for (const auto at : {At::datagrams, At::writable, At::error}) {
                CAPTURE(is_late);
                CAPTURE(aborts);
                CAPTURE(static_cast<int>(at));
                Told told;
                test::HandWorker worker(backend(is_late));
                const Peer peer;
                auto ends = [&](DatagramSocket& socket) {
                    std::ignore = socket.send(peer.address(), Bytes("last"));
                    aborts ? socket.abort() : socket.close();
                    aborts ? socket.close() : void();
                    socket.ready_to_read(true);
                    CHECK(socket.send(peer.address(), Bytes("late")) == Sent::closed);
                    CHECK(told.closed == 0);
                };
                if (at == At::datagrams)
                    told.on_datagrams = [&](DatagramSocket& s, std::span<Datagram>) { ends(s); };
                if (at == At::writable) told.on_writable = ends;
                if (at == At::error) told.on_error = ends;
                auto& socket = open(worker, told);
                for (int i = 0; i < 40; ++i) peer.send(socket.local(), "hello");  // more than one batch
                {
                    const auto entered = worker.enter();
                    if (at == At::error) std::ignore = socket.send({}, Bytes("to nobody"));
                    auto answer = Sent::more;
                    while (at == At::writable && answer == Sent::more)
                        answer = socket.send(peer.address(), Bytes("x"));
                }
                CHECK(worker.turn_until([&] { return told.closed == 1; }));
                CHECK(told.error == (aborts ? Error::os(ECONNABORTED) : Error()));
                CHECK(told.died == 1);
                const auto got = peer.receive();
                CHECK(std::ranges::count(got, "last") == (aborts || at == At::writable ? 0 : 1));
                CHECK(std::ranges::count(got, "late") == 0);
                CHECK(worker.comes_to_rest());
                CHECK(worker->sockets() == 0);
            }
}

TEST_CASE("a socket that is aborted while its datagrams are on their way ends at once") {
    auto late = test::late_backend();
    auto* const held = static_cast<test::LateBackend*>(late.get());
    Told told;
    test::HandWorker worker({.backend = std::move(late)});
    const Peer peer;
    auto& socket = open(worker, told);
    held->holds_operations = true;
    for (int i = 0; i < 2; ++i) {
        const auto entered = worker.enter();
        CHECK(socket.send(peer.address(), Bytes("x")) == Sent::more);
        worker.turn();
    }
    {
        const auto entered = worker.enter();
        socket.abort();
    }
    worker.turn();
    CHECK(told.closed == 1);
    CHECK(told.error == Error::os(ECONNABORTED));
    CHECK(worker.comes_to_rest());
}

TEST_CASE("what a callback throws ends its socket, the others go on") {
    enum class At { datagrams, writable, error };
    for (const auto at : {At::datagrams, At::writable, At::error}) {
        CAPTURE(static_cast<int>(at));
        Told bad, good;
        test::HandWorker worker;
        const Peer peer;
        auto throws = [](DatagramSocket&) { throw std::runtime_error("on purpose"); };
        if (at == At::datagrams)
            bad.on_datagrams = [&](DatagramSocket& s, std::span<Datagram>) { throws(s); };
        if (at == At::writable) bad.on_writable = throws;
        if (at == At::error) bad.on_error = throws;
        auto& socket = open(worker, bad);
        auto& other = open(worker, good);
        peer.send(socket.local(), "hello");
        {
            const auto entered = worker.enter();
            if (at == At::error) std::ignore = socket.send({}, Bytes("to nobody"));
            auto answer = Sent::more;
            while (at == At::writable && answer == Sent::more)
                answer = socket.send(peer.address(), Bytes("x"));
        }
        CHECK(worker.turn_until([&] { return bad.closed == 1; }));
        CHECK(bad.error == Error::os(EFAULT));
        peer.send(other.local(), "hello");
        CHECK(worker.turn_until([&] { return good.texts.size() == 1; }));
    }
}

TEST_CASE("a drain closes by default, and the worker waits for a socket that does not") {
    struct Stays final : DatagramHandler {
        explicit Stays(Told& t) : told(t) {}
        void on_datagrams(DatagramSocket& socket, std::span<Datagram>) override { socket.close(); }
        void on_drain(DatagramSocket&) override { ++told.drains; }
        void on_closed(DatagramSocket&, Error) override { ++told.closed; }
        Told& told;
    };
    Told closes, stays;
    test::HandWorker worker;
    const Peer peer;
    auto& one = open(worker, closes);
    auto other = worker->open_datagram(any_port, std::make_unique<Stays>(stays));
    REQUIRE(other);
    {
        const auto entered = worker.enter();
        CHECK(one.send(peer.address(), Bytes("last")) == Sent::more);
    }
    worker->drain();
    CHECK(worker.turn_until([&] { return closes.closed == 1; }));
    CHECK_FALSE(closes.error);
    CHECK(peer.receive() == std::vector<std::string>{"last"});
    CHECK(stays.drains == 1);
    CHECK_FALSE(worker->is_drained());
    peer.send((*other)->local(), "now");
    CHECK(worker.turn_until([&] { return worker->is_drained(); }));
    CHECK(stays.closed == 1);
}

TEST_CASE("a worker's end is told as an abort") {
    Told told;
    {
        test::HandWorker worker(backend(true));
        const Peer peer;
        auto& socket = open(worker, told);
        const auto entered = worker.enter();
        std::ignore = socket.send(peer.address(), Bytes("x"));
        worker.turn();
        std::ignore = socket.send(peer.address(), Bytes("y"));
    }
    CHECK(told.closed == 1);
    CHECK(told.error == Error::os(ECONNABORTED));
}

TEST_CASE("an address that is in use is an error, unless it is shared, and nothing is left of what failed") {
    Told told, other, failed;
    test::HandWorker worker;
    const auto at = open(worker, told, any_port, shared()).local();
    CHECK(worker->open_datagram(at, std::make_unique<Tells>(failed)).error() == Error::os(EADDRINUSE));
    CHECK(worker->open_datagram("192.0.2.1:0", std::make_unique<Tells>(failed)).error() ==
          Error::os(EADDRNOTAVAIL));
    CHECK(failed.died == 2);
    CHECK(failed.closed == 0);
    CHECK(worker->sockets() == 1);
    CHECK(open(worker, other, at, shared()).local() == at);
    std::set<std::string> texts;
    for (int i = 0; i < 50; ++i) {  // each sender has its own
        const Peer peer;
        const auto text = std::to_string(i);
        peer.send(at, text + "a");
        peer.send(at, text + "b");
    }
    CHECK(worker.turn_until([&] { return told.texts.size() + other.texts.size() == 100; }));
    for (const auto* one : {&told, &other}) {
        CHECK_FALSE(one->texts.empty());
        const std::set<std::string> mine(one->texts.begin(), one->texts.end());
        for (const auto& text : mine)
            CHECK(mine.contains(text.substr(0, text.size() - 1) + (text.back() == 'a' ? "b" : "a")));
    }
}

TEST_CASE("when descriptors have run out, a datagram socket is refused, and nothing is left of it") {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    MESSAGE("skipped: the sanitizer needs descriptors itself");
    return;
#endif
#endif
    Told told;
    test::HandWorker worker;
    {
        const test::NoMoreDescriptors none;
        CHECK(worker->open_datagram(any_port, std::make_unique<Tells>(told)).error() == Error::os(EMFILE));
    }
    CHECK(told.died == 1);
    CHECK(told.closed == 0);
    CHECK(worker->is_drained());
}

TEST_CASE("the system is asked for as much room as the options say") {
    int before = 0, after = 0;
    socklen_t size = sizeof before;
    const auto plain = detail::open_datagram(any_port, {});
    const auto small = detail::open_datagram(any_port, with_room(20'000));
    REQUIRE(plain);
    REQUIRE(small);
    for (const int direction : {SO_RCVBUF, SO_SNDBUF}) {
        REQUIRE(::getsockopt(plain->number(), SOL_SOCKET, direction, &before, &size) == 0);
        REQUIRE(::getsockopt(small->number(), SOL_SOCKET, direction, &after, &size) == 0);
        CHECK(after == 2 * 20'000);  // as socket(7) says: for its own bookkeeping
        CHECK(before != after);
    }
}

TEST_CASE("datagrams go over IPv6 as well, and each family keeps to itself") {
    Told server_told, told;
    Told any, other;
    test::HandWorker worker;
    server_told.on_datagrams = echo;
    auto opened = worker->open_datagram("[::1]:0", std::make_unique<Tells>(server_told));
    if (!opened && opened.error() == Error::os(EADDRNOTAVAIL)) return;  // a system without it
    REQUIRE(opened);
    auto& server = **opened;
    CHECK(server.local().is_v6());
    auto& socket = open(worker, told, "[::1]:0");
    std::vector<std::string> sent;
    {
        const auto entered = worker.enter();
        for (const std::size_t bytes : {0u, 1'000u, 1'000u, 1'000u, 999u, 30'000u}) {
            sent.push_back(text_of(bytes, sent.size()));
            CHECK(socket.send(server.local(), Bytes(sent.back())) == Sent::more);
        }
    }
    CHECK(worker.turn_until([&] { return told.texts.size() == sent.size(); }));
    CHECK(told.texts == sent);
    CHECK(told.peers.back() == server.local());
    const auto port = open(worker, any, "[::]:0").local().port();
    CHECK(open(worker, other, Address("0.0.0.0:0").with_port(port)).local().port() == port);
}

TEST_CASE("a moved slice goes out without a copy, and stays whole until it is gone") {
    auto late = test::late_backend();
    auto* const held = static_cast<test::LateBackend*>(late.get());
    Told told;
    test::HandWorker worker({.backend = std::move(late)});
    const Peer peer;
    auto& socket = open(worker, told);
    held->holds_operations = true;
    const auto entered = worker.enter();
    auto whole = Slice::copy("hello world");
    CHECK(socket.send(peer.address(), whole.share(0, 5)) == Sent::more);
    CHECK(socket.send(peer.address(), whole.share(6, 5)) == Sent::more);
    CHECK_FALSE(whole.is_alone());
    worker.turn();
    CHECK_FALSE(whole.is_alone());
    held->holds_operations = false;
    CHECK(worker.turn_until([&] { return socket.unsent() == 0; }));
    CHECK(whole.is_alone());
    CHECK(peer.receive() == std::vector<std::string>{"hello", "world"});
}

namespace {

struct Site {
    std::optional<Remote<DatagramSocket>> remote;
    Address at;
    std::atomic<int> got = 0, closed = 0;
};

struct Counts final : DatagramHandler {
    explicit Counts(Site& s) : site(s) {}
    void on_datagrams(DatagramSocket&, std::span<Datagram> datagrams) override {
        site.got += static_cast<int>(datagrams.size());
    }
    void on_closed(DatagramSocket&, Error) override { ++site.closed; }
    Site& site;
};

Result<void> open_on_first(Worker& worker, test::Lent<Site> site) {
    if (worker.index() != 0) return {};
    auto socket = worker.open_datagram(any_port, std::make_unique<Counts>(*site), with_room(1'000'000));
    if (!socket) return fail(socket);
    site->at = (*socket)->local();
    site->remote = (*socket)->remote();
    return {};
}

}  // namespace

TEST_CASE("other threads reach a datagram socket by its Remote, also when it is gone") {
    Site site;
    Reactor reactor({.workers = 2});
    REQUIRE(reactor.start(open_on_first, test::lent(site)));
    const auto remote = *site.remote;
    auto send = [](DatagramSocket& socket, const Address& to, Buffer text) {
        std::ignore = socket.send(to, std::move(text).slice());
    };
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread)
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i)
                while (remote.post(send, site.at, Buffer::copy("x")) != Posted::ok) std::this_thread::yield();
        });
    for (auto& thread : threads) thread.join();
    CHECK(test::comes([&] { return site.got == 150; }));
    CHECK(remote.post([](DatagramSocket& socket) { socket.close(); }) == Posted::ok);
    CHECK(test::comes([&] { return site.closed == 1; }));
    CHECK(remote.post(send, site.at, Buffer::copy("x")) == Posted::ok);  // finds nobody
    reactor.stop(1s);
    CHECK(remote.post(send, site.at, Buffer::copy("x")) == Posted::stopped);
    CHECK(site.closed == 1);
}

TEST_CASE("a worker stops in the middle of many datagrams") {
    core::Logger quiet({.level = core::LogLevel::warn});
    for (int round = 0; round < 10; ++round) {
        Site site;
        Reactor reactor({.workers = 1, .logger = &quiet});
        REQUIRE(reactor.start(open_on_first, test::lent(site)));
        auto pour = [](DatagramSocket& socket) {
            struct Pour {
                static void some(DatagramSocket& to) {
                    for (int i = 0; i < 100; ++i)
                        if (!taken(to.send(to.local(), Bytes("x")))) break;
                    if (!to.is_closing())
                        std::ignore = to.remote().post([](DatagramSocket& again) { some(again); });
                }
            };
            Pour::some(socket);
        };
        REQUIRE(site.remote->post(pour) == Posted::ok);
        CHECK(test::comes([&] { return site.got > 1'000; }));
        const auto stopped = reactor.stop(round % 2 == 0 ? 0ns : 10s);
        CHECK(site.closed == 1);
        CHECK(stopped.cut + stopped.drained == 1);
    }
}
