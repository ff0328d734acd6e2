// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/random.hpp>
#include <penstock/events/backend/simulated.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <sstream>
#include <string>

#include <events/backend/worlds.hpp>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

// A seeded script of what an application does is run on each backend, one step at a time. What both ends of
// each connection see of it must follow from the script alone: a model says it after each step, and at the
// end it is the same on all backends.

namespace {

/// One end of a connection: what it did, and what it must have seen by now.
struct Half {
    Socket* socket = nullptr;  ///< null: not accepted yet
    std::size_t sent = 0, got = 0, credit = 0;
    bool is_finished = false, is_closed = false;
    bool is_broken = false;  ///< its peer has reset the connection
    bool has_ended = false, has_failed = false;

    bool hears() const { return socket != nullptr && !is_closed && !has_ended && !has_failed; }
    bool speaks() const { return socket != nullptr && !is_closed && !is_finished && !is_broken; }
    /// After something happened.
    void update(const Half& peer) {
        if (!hears()) return;
        const auto more = std::min(peer.sent - got, credit);
        got += more;
        if (credit != Backend::credit_unlimited) credit -= more;
        if (credit == 0) return;
        if (is_broken)
            has_failed = true;
        else if (peer.is_finished && got == peer.sent)
            has_ended = true;
        if (has_failed || has_ended) credit = 0;
    }
    bool has_seen() const {
        if (socket == nullptr) return true;
        return socket->received.size() == got && socket->ends == (has_ended ? 1 : 0) &&
               socket->failures.size() == (has_failed ? 1 : 0);
    }
};

struct Link {
    Address client_at;
    std::array<Half, 2> halves;  ///< of the client, of the server

    bool is_drained() const {
        return halves[0].sent == halves[1].got && halves[1].sent == halves[0].got &&
               halves[1].socket != nullptr;
    }
};

class Script {
public:
    Script(Rig& rig, std::uint64_t seed) : rig_(rig), dice_(seed), listening_(rig.listen(1)) {
        address_ = rig.address(listening_);
    }

    /// What all ends saw.
    std::string run() {
        constexpr int steps = 80;
        for (int i = 0; i < steps; ++i) {
            CAPTURE(i);
            step();
            await();
            if (i % 20 == 0) rig_.rest();  // nothing more
            REQUIRE(has_seen());
        }
        end();
        rig_.rest();
        REQUIRE(has_seen());
        return told();
    }

private:
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(dice_.below(bound)); }
    std::size_t amount() {
        const std::size_t most = std::array{2, 100, 5000, 17'000, 150'000}[below(5)];
        return 1 + below(most);
    }

    void step() {
        const auto what = below(20);
        if (links_.empty() || (what == 0 && links_.size() < 8)) return connect();
        if (what == 1) return pause();
        auto& link = links_[below(links_.size())];
        const auto side = below(2);
        if (what < 9) return send(link, side);
        if (what < 16) return grant(link, side, what == 15 ? Backend::credit_unlimited : amount());
        if (what == 16) return grant(link, side, 0);
        if (what == 17) return finish(link, side);
        close(link, side, what == 18);
    }

    void connect() {
        auto& client = rig_.stream(0, address_);
        auto& connecting = client.connect(address_);
        REQUIRE(rig_.until([&] { return connecting.is_done(); }));
        REQUIRE(!connecting.done.error);
        auto& link = links_.emplace_back();
        link.client_at = rig_.address(client);
        link.halves[0].socket = &client;
        if (is_accepting_) take_accepted();
    }
    void take_accepted() {
        const auto waiting =
            std::ranges::count_if(links_, [](auto& l) { return l.halves[1].socket == nullptr; });
        auto have_come = [&] { return std::ssize(listening_.accepted) == waiting; };
        REQUIRE(rig_.until(have_come));
        for (auto& link : links_) {
            if (link.halves[1].socket != nullptr) continue;
            const auto at = std::ranges::find(listening_.peers, link.client_at) - listening_.peers.begin();
            REQUIRE(at < waiting);
            link.halves[1].socket =
                &rig_.enter(1, std::move(listening_.accepted[static_cast<std::size_t>(at)]));
        }
        listening_.accepted.clear();
        listening_.peers.clear();
    }
    void pause() {
        is_accepting_ = !is_accepting_;
        listening_.arm_accept(is_accepting_);
        if (is_accepting_) take_accepted();
    }
    void send(Link& link, std::size_t side) {
        auto& half = link.halves[side];
        if (!half.speaks() || link.halves[1 - side].is_closed) return;
        const auto size = amount();
        half.socket->write(
            pieces(size, 1 + below(std::min<std::size_t>(size, 20'000)) + size / 500, half.sent));
        half.sent += size;
    }
    void grant(Link& link, std::size_t side, std::size_t credit) {
        auto& half = link.halves[side];
        if (!half.hears()) return;
        half.credit = credit;
        half.socket->arm_receive(credit);
    }
    void finish(Link& link, std::size_t side) {
        auto& half = link.halves[side];
        if (!half.speaks()) return;
        half.is_finished = true;
        half.socket->finish();
    }
    /// With nothing on the way: what of that still arrives is not promised.
    void close(Link& link, std::size_t side, bool reset) {
        auto& half = link.halves[side];
        auto& other = link.halves[1 - side];
        if (half.is_closed || !link.is_drained() || half.is_broken) return;
        if (reset && (half.is_finished || other.is_closed)) return;
        half.is_closed = true;
        (reset ? other.is_broken : half.is_finished) = true;
        half.socket->close(reset);
    }

    void await() {
        for (auto& link : links_) {
            link.halves[0].update(link.halves[1]);
            link.halves[1].update(link.halves[0]);
        }
        REQUIRE(rig_.until([&] { return has_seen(); }));
    }
    bool has_seen() const {
        return std::ranges::all_of(
            links_, [](const Link& link) { return link.halves[0].has_seen() && link.halves[1].has_seen(); });
    }
    /// All that is on the way arrives, then all ends come.
    void end() {
        if (!is_accepting_) pause();
        for (auto& link : links_)
            for (const std::size_t side : {0, 1}) grant(link, side, Backend::credit_unlimited);
        await();
        for (auto& link : links_)
            for (const std::size_t side : {0, 1}) finish(link, side);
        await();
    }
    std::string told() const {
        std::ostringstream out;
        for (const auto& link : links_)
            for (const std::size_t side : {0, 1}) {
                const auto& socket = *link.halves[side].socket;
                const bool is_right = socket.received == text(socket.received.size());
                out << "received " << socket.received.size() << (is_right ? "" : " wrong bytes") << ", ends "
                    << socket.ends;
                for (const auto& failure : socket.failures) out << ", failed " << failure.code();
                out << '\n';
            }
        return out.str();
    }

    Rig& rig_;
    core::SeededRandom dice_;
    Socket& listening_;
    Address address_;
    std::deque<Link> links_;
    bool is_accepting_ = true;
};

struct Told {
    std::string backend, what;
};

}  // namespace

TEST_CASE("a script of an application's steps looks the same on all backends, whatever its seed") {
    for (const std::uint64_t seed : seeds(30)) {
        CAPTURE(seed);
        std::vector<Told> all;
        auto run = [&](const char* backend, std::unique_ptr<World> world) {
            CAPTURE(backend);
            const auto rig = make_rig(std::move(world));
            if (rig == nullptr) return;
            all.push_back({backend, Script(*rig, seed).run()});
            rig->end();
        };
#define PENSTOCK_RUN(type, name, make) run(name, make);
        PENSTOCK_EVERY_BACKEND(PENSTOCK_RUN)
#undef PENSTOCK_RUN
        for (const auto& told : all) {
            CAPTURE(told.backend);
            CHECK(told.what == all.front().what);
            CHECK(told.what.find("wrong") == std::string::npos);
        }
    }
}
