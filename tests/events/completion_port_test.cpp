// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/completion_port.hpp>
#include <penstock/events/reactor.hpp>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <set>

#include <doctest/doctest.h>
#include <events/turned.hpp>
#include <support/allocations.hpp>
#include <support/loopback_client.hpp>

#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;
using test::pattern;
using test::Peer;
using test::Seen;
using test::SimulatedSite;
using test::Site;
using test::SystemSite;

namespace {

using Socket = CompletionPort::Socket;

constexpr std::size_t slab = 16 * 1024;
constexpr std::size_t seed_count = 40;
constexpr Faults faults{.short_transfer = 0.5, .late = 0.5, .reset = 0, .delay_max = 2ms};

template <class F>
void on_every_site(std::size_t seeds_max, const Faults& with, F test) {
    for (const auto backend : test::system_backends) {
        CAPTURE(backend);
        SystemSite site(backend);
        test(site);
    }
    for (const auto seed : seeds(seeds_max)) {
        CAPTURE(seed);
        SimulatedSite site(seed, with);
        test(site);
    }
}

template <class F>
void on_every_site(F test) {
    on_every_site(seed_count, faults, std::move(test));
}

/// A port, and a model of it that every callback is checked against.
class Checked final : public CompletionHandler {
public:
    struct Life;
    struct Write {
        Life* life = nullptr;
        int number = 0;
        bool is_plain = false;
        std::unique_ptr<char[]> data;  // of exactly that size, and gone after its on_send
        std::size_t size = 0;
    };
    /// One socket, from on_accept (or add_connected) on.
    struct Life {
        Socket name;
        Address local, peer;
        void* listener_user = nullptr;
        std::string got;       // all that was received
        std::string promised;  // all that was issued to be sent
        std::size_t pieces = 0, longest = 0, ends = 0;
        std::vector<int> sent;  // the numbers of the writes that completed
        int issued = 0, over = 0;
        Error error;
        bool is_receiving = false, has_plain = false, is_removed = false;
        std::deque<std::unique_ptr<Write>> writes;  // that have not completed

        bool is_over() const { return over > 0; }
    };

    Checked(Site& site, std::size_t read_bytes) : site_(site), read_bytes_(read_bytes) {
        site_.at_server([&] { port = std::make_unique<CompletionPort>(site_.server(), read_bytes, *this); });
    }
    ~Checked() { die(); }
    void die() {
        site_.at_server([&] { port.reset(); });
    }

    Address listen(std::size_t ready = 0, void* user = nullptr) {
        const auto address = site_.address();
        site_.at_server([&] { REQUIRE(port->add_listening(address, ready, user)); });
        return address;
    }
    Life& add_connected(Detached<TcpSocket> detached) {
        auto& life = *lives.emplace_back(std::make_unique<Life>());
        const auto added = site_.at_server([&] { return port->add_connected(std::move(detached), &life); });
        REQUIRE(added);
        name(life, *added);
        return life;
    }

    void receive(Life& life) {
        if (!life.is_removed && !life.is_over()) life.is_receiving = true;
        issue([&] { port->receive(life.name); });
    }
    Issued send(Life& life, std::string_view text) { return send(life, text, true); }
    Issued send_queued(Life& life, std::string_view text) { return send(life, text, false); }
    void remove(Life& life) {
        const bool is_known = !life.is_over();
        issue([&] { port->remove(life.name); });
        if (is_known) life.is_removed = true;
    }
    void send_queued_ok(Life& life, std::string_view text) {
        const auto issued = send_queued(life, text);
        CHECK(issued == Issued::ok);
    }

    std::unique_ptr<CompletionPort> port;
    std::vector<std::unique_ptr<Life>> lives;
    // What a test does inside the callbacks; may throw.
    std::function<void(Life&)> accepted = [this](Life& life) { receive(life); };
    std::function<void(Life&, Bytes)> received = [this](Life& life, Bytes data) {
        if (!data.empty()) receive(life);
    };
    std::function<void(Life&, int)> sent = [](Life&, int) {};
    std::function<void(Life&)> over = [](Life&) {};

    Life& only() {
        REQUIRE(lives.size() == 1);
        return *lives.front();
    }
    bool all_over() const {
        return std::ranges::all_of(lives, [](const auto& life) { return life->is_over(); });
    }

private:
    template <class F>
    void issue(F f) {
        ++issuing_;
        site_.at_server(f);
        --issuing_;
    }
    Issued send(Life& life, std::string_view text, bool is_plain) {
        auto write = std::make_unique<Write>();
        write->life = &life;
        write->number = life.issued;
        write->is_plain = is_plain;
        write->size = text.size();
        write->data = std::make_unique<char[]>(text.size());
        std::ranges::copy(text, write->data.get());
        const Bytes bytes(std::string_view(write->data.get(), text.size()));
        Issued answer{};
        issue([&] {
            answer = is_plain ? port->send(life.name, bytes, write.get())
                              : port->send_queued(life.name, bytes, write.get());
        });
        if (life.is_removed || life.is_over()) CHECK(answer == Issued::gone);
        if (answer != Issued::gone) CHECK((answer == Issued::busy) == (is_plain && life.has_plain));
        if (answer != Issued::ok) return answer;
        life.has_plain = life.has_plain || is_plain;
        life.promised += text;
        ++life.issued;
        life.writes.push_back(std::move(write));
        return answer;
    }
    void name(Life& life, Socket socket) {
        CHECK(socket.index != 0);
        for (const auto& other : lives) CHECK(other->name != socket);
        life.name = socket;
    }
    Life& life_of(Socket socket, void* user) {
        CHECK(issuing_ == 0);
        CHECK(Worker::current() == &site_.server());
        auto* life = static_cast<Life*>(user);
        REQUIRE(std::ranges::any_of(lives, [&](const auto& known) { return known.get() == life; }));
        CHECK(life->name == socket);
        CHECK(!life->is_over());
        return *life;
    }

    void* on_accept(Socket socket, const Address& local, const Address& remote, void* user) override {
        CHECK(issuing_ == 0);
        auto& life = *lives.emplace_back(std::make_unique<Life>());
        name(life, socket);
        life.local = local;
        life.peer = remote;
        life.listener_user = user;
        CHECK(port->sockets() >= 1);
        is_accepting_ = true;
        accepted(life);
        is_accepting_ = false;
        return &life;
    }
    void on_receive(Socket socket, Bytes data, void* user) override {
        auto& life = life_of(socket, user);
        CHECK(life.is_receiving);
        CHECK(!life.is_removed);
        life.is_receiving = false;
        CHECK(data.size() <= std::min(read_bytes_, slab));
        life.got += data.text();
        life.longest = std::max(life.longest, data.size());
        if (data.empty()) {
            ++life.ends;
        } else {
            ++life.pieces;
            CHECK(life.ends == 0);
        }
        received(life, data);
    }
    void on_send(Socket socket, void* user, void* write_user) override {
        auto& life = life_of(socket, user);
        REQUIRE(!life.writes.empty());
        const auto write = std::move(life.writes.front());
        life.writes.pop_front();
        CHECK(write.get() == write_user);
        life.sent.push_back(write->number);
        if (write->is_plain) life.has_plain = false;
        std::fill_n(write->data.get(), write->size, '\0');  // it is the user's again
        sent(life, write->number);
    }
    void on_error(Socket socket, Error error, void* user) override {
        // Its on_accept threw: it has no user pointer.
        if (std::exchange(is_accepting_, false)) {
            CHECK(user == nullptr);
            user = lives.back().get();
        }
        auto& life = life_of(socket, user);
        ++life.over;
        life.error = error;
        CHECK(!error == life.is_removed);
        life.writes.clear();
        life.has_plain = false;
        over(life);
    }

    Site& site_;
    const std::size_t read_bytes_;
    int issuing_ = 0;
    bool is_accepting_ = false;
};

using Life = Checked::Life;

/// One connection between the site's client and the port, accepted.
struct Line {
    Line(Site& s, Checked& p) : site(s), port(p), at(p.listen()) {
        connect();
        REQUIRE(site.until([&] { return (seen.is_connected || seen.is_over) && port.lives.size() == 1; }));
    }
    void connect() {
        site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
    }
    void write(std::string_view text) {
        REQUIRE(seen.socket != nullptr);
        site.at_client([&] { CHECK(taken(seen.socket->write(Bytes(text)))); });
    }
    void reads(bool is) {
        site.at_client([&] { seen.socket->ready_to_read(is); });
    }
    Life& life() { return *port.lives.front(); }

    Site& site;
    Checked& port;
    Address at;
    Seen seen;
};

/// Finds out which descriptor-less port a Detached came from, and nothing more.
struct Rider final : SocketHandler, Movable {
    void on_read(TcpSocket&, Slice) override {}
    void on_end(TcpSocket&) override {}
};

}  // namespace

TEST_CASE("writes complete in order, one by one, and the bytes arrive in that order") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        // Plain ones between queued ones, and hundreds of those.
        CHECK(port.send(life, pattern(1'000, 1)) == Issued::ok);
        CHECK(port.send(life, "second") == Issued::busy);
        for (unsigned i = 0; i < 400; ++i) port.send_queued_ok(life, pattern(i % 97 * 3 + 1, i));
        CHECK(port.send(life, "third") == Issued::busy);
        int plain = 1;
        port.sent = [&](Life& sent, int number) {
            if (number == 0 || number % 100 == 0) {  // a plain one is possible again, behind all
                CHECK(port.send(sent, pattern(500, static_cast<unsigned>(number))) ==
                      (plain == 1 ? Issued::ok : Issued::busy));
                ++plain;
            }
        };
        REQUIRE(
            site.until([&] { return life.writes.empty() && line.seen.got.size() == life.promised.size(); }));
        CHECK(line.seen.got == life.promised);
        CHECK(life.sent.size() == static_cast<std::size_t>(life.issued));
        CHECK(std::ranges::is_sorted(life.sent));
        CHECK(plain > 3);
        CHECK(!life.is_over());
    });
}

TEST_CASE(
    "big writes to a slow reader keep their order, and their buffers are free only when they completed") {
    on_every_site(6, faults, [](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        constexpr std::size_t big = 4 * 1024 * 1024;
        line.reads(false);
        CHECK(port.send(life, pattern(big, 1)) == Issued::ok);
        port.send_queued_ok(life, pattern(100, 2));
        port.send_queued_ok(life, pattern(big, 3));
        port.send_queued_ok(life, pattern(big, 4));
        site.rest();
        CHECK(life.sent.size() < 4);  // the system does not hold that much
        std::size_t credit = 0;
        REQUIRE(site.until([&] {
            if (line.seen.got.size() >= credit) {
                credit = line.seen.got.size() + 300'000;
                site.at_client([&] {
                    line.seen.socket->read_credit(300'000);
                    line.seen.socket->ready_to_read(true);
                });
            }
            return line.seen.got.size() == life.promised.size();
        }));
        REQUIRE(site.until([&] { return life.sent.size() == 4; }));
        CHECK(line.seen.got == life.promised);
    });
}

TEST_CASE("a stale name answers gone and touches nobody, also when its index is used again") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& first = line.life();
        CHECK(port.port->sockets() == 1);
        port.remove(first);
        REQUIRE(site.until([&] { return first.is_over() && line.seen.is_over; }));
        CHECK(port.port->sockets() == 0);
        Seen other;
        site.at_client([&] { site.client().connect(line.at, std::make_unique<Peer>(other)); });
        REQUIRE(site.until([&] { return port.lives.size() == 2 && other.is_connected; }));
        auto& second = *port.lives.back();
        CHECK(second.name.index == first.name.index);
        CHECK(second.name.generation != first.name.generation);
        CHECK(port.send(first, "stale") == Issued::gone);
        CHECK(port.send_queued(first, "stale") == Issued::gone);
        port.receive(first);
        port.remove(first);
        site.at_server([&] {
            for (const Socket never : {Socket{}, Socket{0, 7}, Socket{12'345, 0}, Socket{~0u, ~0u}}) {
                CHECK(port.port->send(never, "x", nullptr) == Issued::gone);
                CHECK(port.port->send_queued(never, "x", nullptr) == Issued::gone);
                port.port->receive(never);
                port.port->remove(never);
            }
        });
        CHECK(port.send(second, "alive") == Issued::ok);
        REQUIRE(site.until([&] { return other.got == "alive"; }));
        CHECK(!second.is_over());
        CHECK(first.over == 1);
        CHECK(port.port->sockets() == 1);
    });
}

TEST_CASE("empty writes complete too, at their place") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        CHECK(port.send(life, "") == Issued::ok);
        CHECK(port.send(life, "") == Issued::busy);
        site.rest();
        CHECK(life.sent == std::vector{0});
        port.send_queued_ok(life, "");
        site.rest();
        CHECK(life.sent == std::vector{0, 1});
        port.send_queued_ok(life, pattern(200'000));
        port.send_queued_ok(life, "");
        CHECK(port.send(life, "") == Issued::ok);
        port.send_queued_ok(life, pattern(10));
        port.send_queued_ok(life, "");
        REQUIRE(site.until([&] { return life.sent.size() == 7; }));
        CHECK(life.sent == std::vector{0, 1, 2, 3, 4, 5, 6});
        REQUIRE(site.until([&] { return line.seen.got == life.promised; }));
    });
}

TEST_CASE("an empty write from inside a callback completes, and not inside the call") {
    on_every_site(5, faults, [](Site& site) {
        Checked port(site, slab);
        int left = 5;
        auto again = [&](Life& life) {
            if (left-- > 0) CHECK(port.send(life, "") == Issued::ok);
        };
        port.accepted = again;
        port.sent = [&](Life& life, int) { again(life); };
        Line line(site, port);
        REQUIRE(site.until([&] { return line.life().sent.size() == 5; }));
    });
}

TEST_CASE("one receive brings at most the read buffer, and at most a slab") {
    for (const std::size_t limit : {std::size_t(0), std::size_t(1), std::size_t(100), slab,
                                    std::size_t(1) << 20, std::size_t(1) << 40}) {
        CAPTURE(limit);
        on_every_site(5, faults, [&](Site& site) {
            Checked port(site, std::max<std::size_t>(limit, 1));
            Line line(site, port);
            const auto text = pattern(limit <= 1 ? 2'000 : 150'000);
            line.write(text);
            REQUIRE(site.until([&] { return line.life().got.size() == text.size(); }));
            CHECK(line.life().got == text);
            CHECK(line.life().longest <= std::min(std::max<std::size_t>(limit, 1), slab));
            CHECK(line.life().longest > 0);
            site.rest();
            CHECK(line.life().ends == 0);
        });
    }
}

TEST_CASE("nothing is received without a receive, and two issued ones complete once") {
    on_every_site([](Site& site) {
        Checked port(site, 100);
        port.accepted = [](Life&) {};
        port.received = [](Life&, Bytes) {};
        Line line(site, port);
        auto& life = line.life();
        line.write(pattern(1'000));
        site.rest();
        CHECK(life.pieces == 0);
        port.receive(life);
        CHECK(life.pieces == 0);
        port.receive(life);
        port.receive(life);
        REQUIRE(site.until([&] { return life.pieces > 0; }));
        site.rest();
        CHECK(life.pieces == 1);
        port.received = [&](Life& received, Bytes) {
            port.receive(received);
            port.receive(received);
        };
        port.receive(life);
        REQUIRE(site.until([&] { return life.got.size() == 1'000; }));
        CHECK(life.got == pattern(1'000));
        CHECK(life.is_receiving);
    });
}

TEST_CASE("a read buffer stays as it is until the next receive") {
    on_every_site([](Site& site) {
        Checked port(site, 50);
        Bytes held;
        std::string copy;
        port.received = [&](Life&, Bytes data) {
            held = data;
            copy = data.text();
        };
        Line line(site, port);
        auto& life = line.life();
        Checked other(site, slab);  // which receives into the same worker's slabs
        Line busy(site, other);
        line.write(pattern(500, 3));
        while (life.got.size() < 500) {
            const auto pieces = life.pieces;
            REQUIRE(site.until([&] { return life.pieces > pieces || (pieces > 0 && !life.is_receiving); }));
            busy.write(pattern(3'000, 5));
            site.rest();
            CHECK(held.text() == copy);
            port.receive(life);
            held = {};
            copy.clear();
            REQUIRE(site.until([&] { return life.pieces > pieces || life.got.size() == 500; }));
        }
        CHECK(life.got == pattern(500, 3));
    });
}

TEST_CASE("the end of the stream is an empty receive, whenever and as often as one is issued") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        line.seen.closes_at_end = false;
        line.write("last");
        site.at_client([&] { line.seen.socket->finish(); });
        REQUIRE(site.until([&] { return life.ends == 1; }));
        CHECK(life.got == "last");
        for (std::size_t i = 2; i < 5; ++i) {  // again, and again
            site.rest();
            CHECK(life.ends == i - 1);
            port.receive(life);
            CHECK(life.ends == i - 1);
            REQUIRE(site.until([&] { return life.ends == i; }));
        }
        // Our direction goes on.
        CHECK(port.send(life, pattern(70'000)) == Issued::ok);
        REQUIRE(site.until([&] { return line.seen.got == pattern(70'000); }));
        CHECK(!life.is_over());
        port.remove(life);
        REQUIRE(site.until([&] { return life.is_over() && line.seen.has_ended; }));
    });
}

TEST_CASE("an end that came while no receive was issued is told to the next one, behind the bytes") {
    on_every_site([](Site& site) {
        Checked port(site, 10);
        port.accepted = [](Life&) {};
        Line line(site, port);
        auto& life = line.life();
        line.write(pattern(25));
        site.at_client([&] { line.seen.socket->finish(); });
        site.rest();
        CHECK(life.pieces + life.ends == 0);
        port.receive(life);
        REQUIRE(site.until([&] { return life.ends == 1; }));
        CHECK(life.got == pattern(25));
        CHECK(!life.is_over());
    });
}

TEST_CASE("remove sends what was issued, completes it, and ends by one empty on_error behind all") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        CHECK(port.send(life, pattern(300'000, 1)) == Issued::ok);
        for (unsigned i = 0; i < 50; ++i) port.send_queued_ok(life, pattern(i * 100, i));
        line.write("too late to be received?");
        port.remove(life);
        CHECK(!life.is_over());
        CHECK(port.send(life, "x") == Issued::gone);
        CHECK(port.send_queued(life, "x") == Issued::gone);
        port.receive(life);
        port.remove(life);
        const auto pieces = life.pieces;
        REQUIRE(site.until([&] { return life.is_over(); }));
        CHECK(life.sent.size() == 51);
        CHECK(life.pieces == pieces);
        CHECK(!life.error);
        REQUIRE(site.until([&] { return line.seen.is_over; }));
        CHECK(line.seen.got == life.promised);
        CHECK(line.seen.has_ended);
        CHECK(line.seen.error.message() == "no error");
        site.rest();
        CHECK(life.over == 1);
        CHECK(port.port->sockets() == 0);
    });
}

TEST_CASE("a removed socket whose peer takes nothing ends all the same, after a while") {
    on_every_site(5, faults, [](Site& site) {
        if (!site.is_simulated()) return;  // it would take its time
        Checked port(site, slab);
        Line line(site, port);
        line.reads(false);
        port.send_queued_ok(line.life(), pattern(1'000'000));
        port.remove(line.life());
        REQUIRE(site.until([&] { return line.life().is_over(); }));
        CHECK(!line.life().error);
        CHECK(line.life().sent.empty());
    });
}

TEST_CASE("remove is legal in every callback") {
    enum class Where { accept, receive, end, sent, error };
    for (const auto where : {Where::accept, Where::receive, Where::end, Where::sent, Where::error}) {
        CAPTURE(static_cast<int>(where));
        on_every_site(seed_count / 4, faults, [&](Site& site) {
            Checked port(site, slab);
            port.accepted = [&](Life& life) {
                CHECK(port.send(life, pattern(1'000)) == Issued::ok);
                port.send_queued_ok(life, pattern(1'000, 2));
                port.receive(life);
                if (where == Where::accept) port.remove(life);
            };
            port.received = [&](Life& life, Bytes data) {
                if (where == (data.empty() ? Where::end : Where::receive)) return port.remove(life);
                if (!data.empty()) return port.receive(life);
                if (where == Where::error || where == Where::sent) port.remove(life);
            };
            port.sent = [&](Life& life, int number) {
                if (where == Where::sent && number == 0) port.remove(life);
            };
            port.over = [&](Life& life) {
                port.remove(life);
                port.receive(life);
                CHECK(port.send(life, "x") == Issued::gone);
            };
            Line line(site, port);
            auto& life = line.life();
            if (line.seen.socket != nullptr && where != Where::accept && where != Where::sent) {
                line.write("hello");
                site.at_client([&] {
                    if (line.seen.socket != nullptr) line.seen.socket->finish();
                });
            }
            REQUIRE(site.until([&] { return life.is_over() && line.seen.is_over; }));
            CHECK(!life.error);
            CHECK(life.over == 1);
            CHECK(life.sent == std::vector{0, 1});
            CHECK(line.seen.got == life.promised);
            CHECK(port.port->sockets() == 0);
        });
    }
}

TEST_CASE("what a callback throws ends its socket, by one on_error") {
    enum class Where { accept, accept_late, receive, end, second_end, sent, empty_sent, error };
    for (const auto where : {Where::accept, Where::accept_late, Where::receive, Where::end, Where::second_end,
                             Where::sent, Where::empty_sent, Where::error}) {
        CAPTURE(static_cast<int>(where));
        on_every_site(4, faults, [&](Site& site) {
            Checked port(site, slab);
            auto thrown = [] { throw std::runtime_error("on purpose"); };
            port.accepted = [&](Life& life) {
                if (where == Where::accept) thrown();
                port.receive(life);
                if (where == Where::sent) CHECK(port.send(life, "bytes") == Issued::ok);
                if (where == Where::empty_sent) CHECK(port.send(life, "") == Issued::ok);
                port.send_queued_ok(life, "more");
                if (where == Where::accept_late) thrown();
            };
            port.received = [&](Life& life, Bytes data) {
                if (where == Where::receive) thrown();
                if (data.empty() && (where == Where::end || life.ends == 2)) thrown();
                port.receive(life);
            };
            port.sent = [&](Life&, int number) {
                if ((where == Where::sent || where == Where::empty_sent) && number == 0) thrown();
            };
            port.over = [&](Life&) {
                if (where == Where::error) thrown();
            };
            Line line(site, port);
            auto& life = line.life();
            site.at_client([&] {
                if (auto* socket = line.seen.socket) {
                    std::ignore = socket->write(Bytes("hello"));
                    if (where == Where::end || where == Where::second_end) {
                        line.seen.closes_at_end = false;
                        socket->finish();
                    }
                    if (where == Where::error) socket->abort();
                }
            });
            REQUIRE(site.until([&] { return life.is_over() && line.seen.is_over; }));
            if (where != Where::error) CHECK(life.error == Error::os(EFAULT));
            if (where != Where::error) CHECK(line.seen.error == Error::os(ECONNRESET));
            site.rest();
            CHECK(life.over == 1);
            CHECK(port.port->sockets() == 0);
            // The port goes on.
            port.accepted = [](Life&) {};
            port.sent = [](Life&, int) {};
            Seen next;
            site.at_client([&] { site.client().connect(line.at, std::make_unique<Peer>(next)); });
            REQUIRE(site.until([&] { return port.lives.size() == 2 && next.is_connected; }));
            CHECK(port.send(*port.lives.back(), "still here") == Issued::ok);
            REQUIRE(site.until([&] { return next.got == "still here"; }));
        });
    }
}

TEST_CASE("a peer's reset is told once, by on_error") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        line.reads(false);
        port.send_queued_ok(life, pattern(site.too_much()));
        port.send_queued_ok(life, pattern(100));
        site.rest();
        const auto before = life.sent.size();
        CHECK(before == 0);
        site.at_client([&] { line.seen.socket->abort(); });
        REQUIRE(site.until([&] { return life.is_over(); }));
        CHECK((life.error == Error::os(ECONNRESET) || life.error == Error::os(EPIPE)));
        CHECK(life.sent.empty());
        site.rest();
        CHECK(life.over == 1);
        CHECK(port.port->sockets() == 0);
    });
}

TEST_CASE("under resets at any place every socket ends once, and what completed was first in line") {
    on_every_site(seed_count, {.short_transfer = 0.5, .late = 0.5, .reset = 0.01, .delay_max = 1ms},
                  [](Site& site) {
                      Checked port(site, 1'000);
                      const auto at = port.listen(3);
                      port.received = [&](Life& life, Bytes data) {
                          if (data.empty()) return port.remove(life);
                          std::ignore = port.send_queued(life, data.text());
                          std::ignore = port.send(life, "plain");
                          std::ignore = port.send_queued(life, "");
                          port.receive(life);
                      };
                      std::deque<Seen> peers(20);
                      for (auto& seen : peers)
                          site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
                      for (int round = 0; round < 10; ++round) {
                          for (std::size_t i = 0; i < peers.size(); ++i)
                              site.at_client([&] {
                                  auto* socket = peers[i].socket;
                                  if (socket == nullptr) return;
                                  std::ignore = socket->write(Bytes(pattern(i * 200)));
                                  if (round == 7 && i % 4 == 0) socket->abort();
                                  if (round == 8 && i % 4 != 0) socket->finish();
                              });
                          site.rest();
                      }
                      REQUIRE(site.until([&] {
                          return std::ranges::all_of(peers, [](const Seen& seen) { return seen.is_over; }) &&
                                 port.all_over();
                      }));
                      for (const auto& life : port.lives) {
                          CHECK(life->over == 1);
                          CHECK(std::ranges::is_sorted(life->sent));
                      }
                      CHECK(port.port->sockets() == 0);
                      CHECK(port.lives.size() <= peers.size());
                  });
}

TEST_CASE("no more than so many are accepted in a turn, the others come later, and none is lost") {
    for (const std::size_t ready : {std::size_t(0), std::size_t(1), std::size_t(5), std::size_t(1'000)}) {
        CAPTURE(ready);
        on_every_site(seed_count / 4, faults, [&](Site& site) {
            Checked port(site, slab);
            std::size_t in_turn = 0, most = 0;
            port.accepted = [&](Life& life) {
                if (in_turn++ == 0) site.server().later([&] { in_turn = 0; });
                most = std::max(most, in_turn);
                port.receive(life);
            };
            const auto at = port.listen(ready);
            constexpr std::size_t count = 23;
            std::deque<Seen> peers(count);
            for (auto& seen : peers)
                site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
            auto connected = [&] {
                return std::ranges::all_of(peers, [](const Seen& seen) { return seen.is_connected; });
            };
            REQUIRE(site.client_until(connected));
            REQUIRE(site.until([&] { return port.lives.size() == count && connected(); }));
            if (ready > 0) CHECK(most <= ready);
            if (!site.is_simulated() && ready > 0) CHECK(most == std::min<std::size_t>(ready, most));
            if (!site.is_simulated() && ready == 5) CHECK(most == 5);
            std::set<std::string> names;
            for (const auto& life : port.lives) names.insert(life->peer.text());
            CHECK(names.size() == count);
            for (const auto& life : port.lives) CHECK(port.send(*life, "hello") == Issued::ok);
            REQUIRE(site.until([&] {
                return std::ranges::all_of(peers, [](const Seen& seen) { return seen.got == "hello"; });
            }));
        });
    }
}

TEST_CASE("the limit of accepts is one of a turn, not of all turns together") {
    on_every_site(5, faults, [&](Site& site) {
        if (site.is_simulated()) return;  // where turns are not the test's
        Checked port(site, slab);
        std::size_t in_turn = 0, most = 0;
        port.accepted = [&](Life&) {
            if (in_turn++ == 0) site.server().later([&] { in_turn = 0; });
            most = std::max(most, in_turn);
        };
        const auto at = port.listen(4);
        std::deque<Seen> peers;
        std::size_t count = 0;
        for (const std::size_t burst : {3, 4, 4, 2, 4}) {
            count += burst;
            most = 0;
            while (peers.size() < count) {
                auto& seen = peers.emplace_back();
                site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
            }
            REQUIRE(site.client_until([&] { return peers.back().is_connected; }));
            REQUIRE(site.until([&] { return port.lives.size() == count; }));
            CHECK(most == burst);
        }
    });
}

TEST_CASE("user pointers and addresses are those of the listener, the socket and the write") {
    on_every_site(10, faults, [](Site& site) {
        Checked port(site, slab);
        int one = 0, two = 0;
        const auto first = port.listen(0, &one), second = port.listen(4, &two);
        CHECK(first != second);
        Seen at_first, at_second;
        site.at_client([&] { site.client().connect(first, std::make_unique<Peer>(at_first)); });
        REQUIRE(site.until([&] { return port.lives.size() == 1; }));
        site.at_client([&] { site.client().connect(second, std::make_unique<Peer>(at_second)); });
        REQUIRE(site.until(
            [&] { return port.lives.size() == 2 && at_first.is_connected && at_second.is_connected; }));
        CHECK(port.lives[0]->listener_user == &one);
        CHECK(port.lives[1]->listener_user == &two);
        CHECK(port.lives[0]->local == first);
        CHECK(port.lives[1]->local == second);
        site.at_client([&] {
            CHECK(port.lives[0]->peer == at_first.socket->local());
            CHECK(port.lives[1]->peer == at_second.socket->local());
        });
    });
}

TEST_CASE("an address that is taken is an error, and the port goes on") {
    for (const auto backend : test::system_backends) {
        CAPTURE(backend);
        SystemSite site(backend);
        Checked port(site, slab);
        const test::LoopbackServer owner;
        site.at_server([&] {
            const auto refused = port.port->add_listening(owner.address(), 1, nullptr);
            REQUIRE(!refused);
            CHECK(refused.error() == Error::os(EADDRINUSE));
        });
        const Line line(site, port);
    }
}

TEST_CASE("a socket that was detached goes on, with its unsent and unread bytes") {
    on_every_site([](Site& site) {
        // The old life: a handler of its own, on the same worker.
        struct Before final : SocketHandler, Movable {
            void on_read(TcpSocket&, Slice piece) override { got += piece.text(); }
            std::string got;
        };
        const auto at = site.address();
        TcpSocket* before = nullptr;
        site.at_server([&] {
            REQUIRE(site.server().listen(at, [&](TcpSocket& socket) {
                before = &socket;
                return std::make_unique<Before>();
            }));
        });
        Seen seen;
        seen.closes_at_end = false;
        site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
        REQUIRE(site.until([&] { return before != nullptr && seen.is_connected; }));
        site.at_client([&] { seen.socket->ready_to_read(false); });
        // More than the system takes at once.
        const auto unsent = pattern(site.too_much(), 7);
        site.at_server([&] { CHECK(taken(before->write(Bytes(unsent)))); });
        site.rest();
        std::optional<Detached<TcpSocket>> moving;
        const auto inbound = pattern(100'000, 8);
        std::string early;
        site.at_client([&] { CHECK(taken(seen.socket->write(Bytes(inbound)))); });
        site.at_server([&] {
            REQUIRE(before->detach([&](Detached<TcpSocket> gone) { moving.emplace(std::move(gone)); }));
        });
        early = static_cast<Before*>(before->handler())->got;
        REQUIRE(site.until([&] { return moving.has_value(); }));
        site.rest();
        Checked port(site, 1'000);
        auto& life = port.add_connected(std::move(*moving));
        moving.reset();
        CHECK(port.port->sockets() == 1);
        CHECK(port.send(life, pattern(1'000, 9)) == Issued::ok);
        port.send_queued_ok(life, pattern(100'000, 10));
        site.rest();
        CHECK(life.sent.empty());  // those of before are first
        CHECK(life.pieces == 0);   // no receive was issued
        port.receive(life);
        site.at_client([&] { seen.socket->ready_to_read(true); });
        REQUIRE(site.until([&] {
            return seen.got.size() == unsent.size() + 101'000 &&
                   life.got.size() + early.size() == inbound.size();
        }));
        CHECK(seen.got == unsent + life.promised);
        CHECK(early + life.got == inbound);
        REQUIRE(site.until([&] { return life.sent.size() == 2; }));
        port.remove(life);
        site.at_client([&] { seen.socket->close(); });
        REQUIRE(site.until([&] { return life.is_over() && seen.is_over; }));
        CHECK(!life.error);
    });
}

namespace {

/// Brings a socket to where `prepare` leaves it, and detaches it.
Detached<TcpSocket> detached(Site& site, Seen& seen, const std::function<void(TcpSocket&)>& prepare,
                             const std::function<bool(TcpSocket&)>& is_ready) {
    const auto at = site.address();
    TcpSocket* before = nullptr;
    site.at_server([&] {
        REQUIRE(site.server().listen(at, [&](TcpSocket& socket) {
            before = &socket;
            return std::make_unique<Rider>();
        }));
    });
    site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
    REQUIRE(site.until([&] { return before != nullptr && seen.is_connected; }));
    site.at_server([&] { prepare(*before); });
    REQUIRE(site.until([&] { return is_ready(*before); }));
    std::optional<Detached<TcpSocket>> moving;
    site.at_server(
        [&] { REQUIRE(before->detach([&](Detached<TcpSocket> gone) { moving.emplace(std::move(gone)); })); });
    REQUIRE(site.until([&] { return moving.has_value(); }));
    return std::move(*moving);
}

}  // namespace

TEST_CASE("a socket that asked for on_writable before does not keep the port's worker busy") {
    for (const auto backend : test::system_backends) {
        CAPTURE(backend);
        SystemSite site(backend);
        Seen seen;
        int turns = 0;
        Checked port(site, slab);
        auto& life = port.add_connected(detached(
            site, seen, [](TcpSocket& socket) { socket.ready_to_write(true); },
            [&](TcpSocket&) { return ++turns > 2; }));
        port.receive(life);
        site.rest();
        CHECK(!site.server().has_work());
    }
}

TEST_CASE("a socket whose own direction was finished before takes no writes") {
    on_every_site(5, faults, [](Site& site) {
        Seen seen;
        seen.closes_at_end = false;
        Checked port(site, slab);
        auto& life = port.add_connected(detached(
            site, seen, [](TcpSocket& socket) { socket.finish(); },
            [&](TcpSocket&) { return seen.has_ended; }));
        CHECK(port.send(life, "x") == Issued::gone);
        CHECK(port.send_queued(life, "x") == Issued::gone);
        CHECK(port.send_queued(life, "") == Issued::gone);
        port.receive(life);
        site.at_client([&] { CHECK(taken(seen.socket->write(Bytes("to you")))); });
        REQUIRE(site.until([&] { return life.got == "to you"; }));
        port.remove(life);
        site.at_client([&] { seen.socket->close(); });
        REQUIRE(site.until([&] { return life.is_over(); }));
    });
}

TEST_CASE("a socket whose peer had finished before tells the end to each receive") {
    on_every_site(5, faults, [](Site& site) {
        Seen seen;
        seen.closes_at_end = false;
        bool has_ended = false;
        Checked port(site, slab);
        auto& life = port.add_connected(detached(
            site, seen, [&](TcpSocket&) { site.at_client([&] { seen.socket->finish(); }); },
            [&](TcpSocket&) {
                if (!has_ended) site.rest();
                return std::exchange(has_ended, true);
            }));
        for (std::size_t i = 1; i < 3; ++i) {
            port.receive(life);
            REQUIRE(site.until([&] { return life.ends == i; }));
        }
        CHECK(port.send(life, "still") == Issued::ok);
        REQUIRE(site.until([&] { return seen.got == "still"; }));
    });
}

TEST_CASE("a detached socket that has ended is refused") {
    on_every_site(3, faults, [](Site& site) {
        Seen seen;
        Checked port(site, slab);
        port.receive(
            port.add_connected(detached(site, seen, [](TcpSocket&) {}, [](TcpSocket&) { return true; })));
        struct Leaver final : SocketHandler, Movable {
            void on_read(TcpSocket&, Slice) override {}
            void on_adopted(TcpSocket& socket) override { socket.abort(); }
        };
        Seen other;
        auto moving = detached(
            site, other, [](TcpSocket& socket) { socket.handler(std::make_unique<Leaver>()); },
            [](TcpSocket&) { return true; });
        site.at_server([&] {
            const auto added = port.port->add_connected(std::move(moving), nullptr);
            REQUIRE(!added);
            CHECK(added.error() == Error::os(ENOTCONN));
            CHECK(port.port->sockets() == 1);
        });
        site.rest();
        CHECK(port.port->sockets() == 1);
    });
}

TEST_CASE("a port may die with everything in flight, and its buffers right after it") {
    on_every_site([](Site& site) {
        std::deque<Seen> peers(12);
        {
            auto port = std::make_unique<Checked>(site, slab);
            const auto at = port->listen(3);
            port->accepted = [&](Life& life) {
                port->receive(life);
                CHECK(port->send(life, pattern(site.too_much() / 4, 1)) == Issued::ok);
                for (unsigned i = 0; i < 10; ++i) port->send_queued_ok(life, pattern(20'000, i));
                port->send_queued_ok(life, "");
                if (port->lives.size() % 3 == 0) port->remove(life);
            };
            for (auto& seen : peers)
                site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
            REQUIRE(site.until([&] { return port->lives.size() >= 7; }));
            for (auto& seen : peers)
                site.at_client([&] {
                    if (seen.socket != nullptr) std::ignore = seen.socket->write(Bytes(pattern(5'000)));
                });
            // Some are fresh in the ring, some wait for room.
            for (const auto& life : port->lives)
                if (!life->is_removed && !life->is_over()) port->send_queued_ok(*life, pattern(100'000));
            port->die();
            port.reset();  // with all write buffers
        }
        REQUIRE(site.until(
            [&] { return std::ranges::all_of(peers, [](const Seen& seen) { return seen.is_over; }); }));
        site.rest();
        CHECK(site.server().sockets() == 0);
    });
}

TEST_CASE("no byte of a buffer that was freed with its port reaches the peer") {
    for (const auto backend : test::system_backends)
        for (const bool is_gathered : {false, true})
            for (const int turns : {0, 1, 2, 10}) {  // issued; in the system's hands, more or less
                CAPTURE(backend);
                CAPTURE(is_gathered);
                CAPTURE(turns);
                test::TurnedWorker server(backend);
                const test::HeldPort at;
                struct Quiet final : CompletionHandler {
                    void* on_accept(Socket accepted, const Address&, const Address&, void*) override {
                        socket = accepted;
                        return nullptr;
                    }
                    void on_receive(Socket, Bytes, void*) override {}
                    void on_send(Socket, void*, void*) override {}
                    void on_error(Socket, Error, void*) override {}
                    Socket socket;
                } quiet;
                auto port = server.at([&] { return std::make_unique<CompletionPort>(*server, slab, quiet); });
                server.at([&] { REQUIRE(port->add_listening(at.address(), 1, nullptr)); });
                test::LoopbackClient client(at.port());
                REQUIRE(server.until([&] { return quiet.socket.index != 0; }));
                std::vector<char> buffer(20'000'000, 'a');
                const std::string_view all(buffer.data(), buffer.size());
                server.at([&] {
                    for (std::size_t i = 0; i < 40; ++i)
                        if (is_gathered)
                            CHECK(port->send_queued(quiet.socket, Bytes(all.substr(i * 1'000, 1'000)),
                                                    nullptr) == Issued::ok);
                    CHECK(port->send(quiet.socket, Bytes(all.substr(40'000)), nullptr) == Issued::ok);
                });
                for (int i = 0; i < turns; ++i) server.turn();
                server.at([&] { port.reset(); });
                std::ranges::fill(buffer, 'b');  // as whoever gets this memory next would do
                std::string got;
                server.rest();
                for (auto piece = client.receive(); !piece.empty(); piece = client.receive()) {
                    got += piece;
                    server.turn();
                }
                CHECK(got.find('b') == std::string::npos);
            }
}

TEST_CASE("a worker that drains sends what was issued, and then ends the sockets") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        Seen idle;
        site.at_client([&] { site.client().connect(line.at, std::make_unique<Peer>(idle)); });
        REQUIRE(site.until([&] { return port.lives.size() == 2 && idle.is_connected; }));
        port.sent = [&](Life& sent, int number) {
            if (number == 0) port.send_queued_ok(sent, "one more");  // what runs may be finished
        };
        CHECK(port.send(life, pattern(site.too_much() / 4)) == Issued::ok);
        port.send_queued_ok(life, pattern(1'000, 1));
        port.send_queued_ok(life, "");
        site.server().drain();
        REQUIRE(site.until([&] { return port.all_over() && site.server().is_drained(); }));
        CHECK(life.sent == std::vector{0, 1, 2, 3});
        CHECK(life.error == Error::os(ECANCELED));
        CHECK(port.lives[1]->error == Error::os(ECANCELED));
        REQUIRE(site.until([&] { return line.seen.is_over && idle.is_over; }));
        CHECK(line.seen.got == life.promised);
        CHECK(port.port->sockets() == 0);
    });
}

TEST_CASE("a worker that is cut ends the sockets with their writes") {
    on_every_site([](Site& site) {
        Checked port(site, slab);
        Line line(site, port);
        auto& life = line.life();
        line.reads(false);
        port.send_queued_ok(life, pattern(site.too_much()));
        site.server().drain();
        site.rest();
        CHECK(!life.is_over());
        CHECK(!site.server().is_drained());
        CHECK(site.server().cut() == 1);
        CHECK(life.over == 1);
        CHECK(life.error == Error::os(ECONNABORTED));
        CHECK(life.sent.empty());
        site.rest();
        CHECK(site.server().sockets() == 0);
    });
}

TEST_CASE(
    "a reactor stops with sends in flight: those that go on are finished, the deadline cuts the others") {
    struct Server final : CompletionHandler {
        struct Counts {
            std::atomic<int> accepted = 0, sent = 0, cancelled = 0, cut = 0;
        };
        Server(Worker& worker, Counts& c) : counts(c), text(pattern(12'000'000)), port(worker, slab, *this) {}
        void* on_accept(Socket socket, const Address&, const Address&, void*) override {
            std::ignore = port.send(socket, Bytes(text), nullptr);
            ++counts.accepted;
            return nullptr;
        }
        void on_receive(Socket, Bytes, void*) override {}
        void on_send(Socket, void*, void*) override { ++counts.sent; }
        void on_error(Socket, Error error, void*) override {
            if (error == Error::os(ECANCELED)) ++counts.cancelled;
            if (error == Error::os(ECONNABORTED)) ++counts.cut;
        }
        Counts& counts;
        const std::string text;
        CompletionPort port;
    };
    for (const auto backend : test::system_backends) {
        CAPTURE(backend);
        Server::Counts counts;
        const test::HeldPort at;
        Reactor reactor({.workers = 1, .backend = std::string(backend)});
        REQUIRE(reactor.start(
            [](Worker& worker, test::Lent<Server::Counts> lent, std::uint16_t port) -> Result<void> {
                auto& server = worker.make_local<Server>(worker, *lent);
                return server.port.add_listening(Address::v4({127, 0, 0, 1}, port), 0, nullptr);
            },
            test::lent(counts), at.port()));
        auto reader = std::make_unique<test::LoopbackClient>(at.port());
        const test::LoopbackClient sleeper(at.port());
        REQUIRE(test::comes([&] { return counts.accepted == 2; }));
        bool is_same = false;
        std::thread reading([&] {
            is_same = reader->receive_all() == pattern(12'000'000);
            reader.reset();  // its end is waited for
        });
        const auto stopped = reactor.stop(1s);
        reading.join();
        CHECK(is_same);
        CHECK(stopped.drained == 1);
        CHECK(stopped.cut == 1);
        CHECK(counts.sent.load() == 1);
        CHECK(counts.cancelled.load() == 1);
        CHECK(counts.cut.load() == 1);
    }
}

TEST_CASE("random use keeps all promises, whatever the seed") {
    for (const auto seed : seeds(seed_count * 3)) {
        CAPTURE(seed);
        SimulatedSite site(seed, {.short_transfer = 0.5, .late = 0.5, .reset = 0.002, .delay_max = 1ms});
        core::SeededRandom random(seed * 77 + 1);
        Checked port(site, 1 + random.below(3'000));
        const auto at = port.listen(random.below(4));
        std::function<void(Life&)> something = [&](Life& life) {
            switch (random.below(12)) {
                case 0: std::ignore = port.send(life, pattern(random.below(100'000))); break;
                case 1: std::ignore = port.send(life, ""); break;
                case 2:
                case 3: std::ignore = port.send_queued(life, pattern(random.below(5'000), 3)); break;
                case 4: std::ignore = port.send_queued(life, ""); break;
                case 5:
                case 6:
                case 7: port.receive(life); break;
                case 8:
                    if (random.below(6) == 0) port.remove(life);
                    break;
                case 9:
                    if (random.below(40) == 0) throw std::runtime_error("on purpose");
                    break;
                default: break;
            }
        };
        port.accepted = something;
        port.received = [&](Life& life, Bytes) { something(life); };
        port.sent = [&](Life& life, int) { something(life); };
        port.over = [&](Life& life) {
            if (random.below(10) == 0) throw std::runtime_error("on purpose");
            port.receive(life);
            port.remove(life);
        };
        std::deque<Seen> peers;
        for (int step = 0; step < 150; ++step) {
            if (random.below(5) == 0 && peers.size() < 30) {
                auto& seen = peers.emplace_back();
                seen.closes_at_end = random.below(2) == 0;
                site.at_client([&] { site.client().connect(at, std::make_unique<Peer>(seen)); });
            }
            if (!peers.empty())
                site.at_client([&] {
                    auto* socket = peers[random.below(peers.size())].socket;
                    if (socket == nullptr) return;
                    switch (random.below(10)) {
                        case 0: socket->finish(); break;
                        case 1: socket->abort(); break;
                        case 2: socket->ready_to_read(random.below(2) == 0); break;
                        default: std::ignore = socket->write(Bytes(pattern(random.below(20'000)))); break;
                    }
                });
            if (!port.lives.empty()) {
                auto& life = *port.lives[random.below(port.lives.size())];
                try {
                    something(life);
                } catch (const std::runtime_error&) {
                }
            }
            site.until([&, left = random.below(4)]() mutable { return left-- == 0; });
        }
        for (auto& seen : peers)
            site.at_client([&] {
                if (seen.socket != nullptr) seen.socket->abort();
            });
        site.rest();
        for (auto& life : port.lives)
            if (!life->is_over()) port.remove(*life);
        REQUIRE(site.until([&] { return port.all_over(); }));
        for (const auto& life : port.lives) CHECK(life->over == 1);
        CHECK(port.port->sockets() == 0);
    }
}

TEST_CASE("plain sends and receives allocate nothing in the steady state") {
    if (!test::allocations_are_counted) return;
    for (const auto backend : test::system_backends) {
        CAPTURE(backend);
        struct Echo final : CompletionHandler {
            explicit Echo(Worker& worker) : port(worker, slab, *this) {}
            void* on_accept(Socket socket, const Address&, const Address&, void*) override {
                port.receive(socket);
                return nullptr;
            }
            void on_receive(Socket socket, Bytes data, void*) override {
                CHECK(port.send(socket, data, nullptr) == Issued::ok);
            }
            void on_send(Socket socket, void*, void*) override {
                ++sent;
                port.receive(socket);
            }
            void on_error(Socket, Error, void*) override {}
            std::size_t sent = 0;
            CompletionPort port;
        };
        test::TurnedWorker worker(backend);
        const test::HeldPort at;
        auto echo = worker.at([&] { return std::make_unique<Echo>(*worker); });
        worker.at([&] { REQUIRE(echo->port.add_listening(at.address(), 1, nullptr)); });
        {
            test::LoopbackClient client(at.port());
            std::uint64_t allocated = 0;
            auto talk = [&](int rounds) {
                for (int i = 0; i < rounds; ++i) {
                    const auto text = pattern(i % 2 == 0 ? 100 : 9'000, static_cast<unsigned>(i));
                    client.send(text);
                    std::string back;
                    while (back.size() < text.size()) {
                        const auto sent = echo->sent;
                        const auto before = test::allocations_of_this_thread();
                        for (int turns = 0; turns < 1'000 && echo->sent == sent; ++turns)
                            worker.turn(std::chrono::milliseconds(1));
                        allocated += test::allocations_of_this_thread() - before;
                        back += client.receive(text.size() - back.size());
                    }
                    if (back != text) FAIL("not the same");
                }
            };
            talk(100);
            allocated = 0;
            talk(1'000);
            CHECK(allocated == 0);
        }
        worker.at([&] { echo.reset(); });
    }
}
