// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/stream/client_handshake.hpp>
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/key_table.hpp>
#include <penstock/stream/rate_limit.hpp>
#include <penstock/stream/session_table.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;

namespace {

std::shared_ptr<const crypto::Identity> identity(std::uint64_t seed) {
    core::SeededRandom random(seed);
    return std::make_shared<const crypto::Identity>(crypto::Identity::make(random));
}

/// A worker's key table, asked without HTTP around it.
struct Table {
    explicit Table(ServiceSettings s = {}) : settings(std::move(s)) { policy({.any = true}); }

    void policy(ClientPolicy policy) { keys = *NodeKeys::make(node, "node", worker.wall(), policy, {}); }
    void pass(std::chrono::nanoseconds time) { sim.run_for(time); }
    /// Error: the code; no_error: opened, and believed.
    Code open(const std::string& message) {
        last = table.open(message, Behind::nothing, *keys);
        if (!last) return static_cast<Code>(last.error().code());
        return last->refused;
    }

    events::Simulation sim{1};
    Worker& worker = sim.add_host();
    core::Home::Entered entered{&worker};
    ServiceSettings settings;
    std::shared_ptr<const crypto::Identity> node = identity(7);
    std::shared_ptr<const NodeKeys> keys;
    KeyTable table{worker, 1, settings};
    Result<OpenedRequest> last = fail(crypto::error(Code::internal));
};

/// A client up to message 3, whose key is in the table.
struct Client {
    explicit Client(Table& t, std::shared_ptr<const crypto::Identity> w = nullptr,
                    const Address& from = "192.0.2.1:1")
        : table(t), who(std::move(w)), random(t.worker.random().word()) {
        auto& algorithms = t.worker.local<CryptoTools>().algorithms;
        const auto now = t.worker.wall();
        ClientSetup setup;
        if (who != nullptr) {
            certificate = *who->certificate("client", now - 1h, now + 24h, crypto::Usage::client);
            setup.static_key = &who->static_key();
            setup.certificate = &*certificate;
        }
        handshake.emplace(algorithms, random, setup);
        ServerHandshake server(algorithms,
                               {.static_key = &t.node->static_key(), .certificate = &t.keys->certificate});
        REQUIRE(server.read(handshake->hello()));
        KeyTerms terms;
        id = terms.key_id = t.table.new_id();
        auto answer = server.answer(t.worker.random(), terms);
        REQUIRE(answer);
        REQUIRE(handshake->read(answer->body, now, {}));
        message_3 = std::string(handshake->message_3()->text());
        added = t.table.add(id, std::move(answer->fresh), from);
    }
    std::string request(bool with_message_3 = true, bool closes = false) {
        auto& tools = table.worker.local<CryptoTools>();
        std::string inner, out;
        REQUIRE(append_inner_request(inner, {"GET", "/"}, {}, 0));
        RequestPrefix prefix;
        prefix.key_id = id;
        prefix.n = n++;
        prefix.salt = random.bytes<16>();
        prefix.closes_key = closes;
        if (with_message_3) prefix.message_3 = message_3;
        append_request(tools.ciphers,
                       request_message_key(tools.algorithms, handshake->key(), prefix.n, prefix.salt), prefix,
                       inner, out);
        return out;
    }

    Table& table;
    std::shared_ptr<const crypto::Identity> who;
    core::SeededRandom random;
    std::optional<crypto::Certificate> certificate;
    std::optional<ClientHandshake> handshake;
    std::string message_3;
    RoutedId id{};
    Result<void> added;
    std::uint64_t n = 0;
};

}  // namespace

TEST_CASE(
    "a key that was closed opens nothing more, not even what is there in "
    "the same turn") {
    Table table;
    Client client(table, identity(8));
    CHECK(table.open(client.request()) == Code::no_error);
    const auto late = client.request(false);
    CHECK(table.open(client.request(false, true)) == Code::no_error);
    CHECK(table.open(late) == Code::key_unknown);
    CHECK(table.table.size() == 0);
}

TEST_CASE("a node that is no longer listed loses its live keys") {
    Table table;
    const auto who = identity(8);
    table.policy({.any = false, .listed = {who->id()}});
    Client client(table, who);
    CHECK(table.open(client.request()) == Code::no_error);
    CHECK(table.last->is_authenticated);
    CHECK(table.open(client.request(false)) == Code::no_error);
    table.policy({.any = false, .listed = {}});
    CHECK(table.open(client.request(false)) == Code::key_unknown);
    CHECK(table.table.size() == 0);
}

TEST_CASE(
    "where every request needs a certificate, a message 3 that brings "
    "none is refused") {
    ServiceSettings settings;
    settings.certificate_for_everything = true;
    Table table(settings);
    Client anonymous(table);
    for (int i = 0; i < 4; ++i) CHECK(table.open(anonymous.request()) == Code::auth_required);
    CHECK(table.open(anonymous.request()) == Code::key_unknown);

    table.policy({.any = false, .listed = {identity(9)->id()}});
    Client unlisted(table, identity(8)), listed(table, identity(9));
    CHECK(table.open(unlisted.request()) == Code::auth_refused);
    table.pass(31s);  // it stayed fresh
    CHECK(table.table.size() == 0);
    Client again(table, identity(9));
    CHECK(table.open(again.request()) == Code::no_error);
}

TEST_CASE("a full table forgets who is nobody first, then the oldest key") {
    ServiceSettings settings;
    settings.keys_max = 3;
    Table table(settings);
    Client first(table, identity(1));
    CHECK(table.open(first.request()) == Code::no_error);
    table.pass(1s);
    Client nobody(table);
    CHECK(table.open(nobody.request()) == Code::no_error);
    Client second(table, identity(2));
    CHECK(table.open(second.request()) == Code::no_error);
    CHECK(table.table.size() == 3);
    table.pass(1s);
    Client third(table, identity(3));
    CHECK(table.table.size() == 3);
    CHECK(table.open(nobody.request(false)) == Code::key_unknown);
    CHECK(table.open(third.request()) == Code::no_error);
    Client fourth(table, identity(4));
    CHECK(table.open(first.request(false)) == Code::key_unknown);
    CHECK(table.open(second.request(false)) == Code::no_error);
    CHECK(table.open(third.request(false)) == Code::no_error);
    CHECK(table.open(fourth.request()) == Code::no_error);
    CHECK(table.table.size() == 3);
}

TEST_CASE(
    "whoever has too many keys that nobody vouches for is known before "
    "anything is computed") {
    ServiceSettings settings;
    settings.anonymous_keys_per_address_max = 2;
    Table table(settings);
    CHECK(table.table.admits("192.0.2.1:5"));
    Client one(table), two(table);
    CHECK(crypto::is(table.table.admits("192.0.2.1:5").error(), Code::rate_limited));
    CHECK(table.table.admits("192.0.2.2:5"));
    Client three(table);
    REQUIRE_FALSE(three.added);
    CHECK(crypto::is(three.added.error(), Code::rate_limited));
    CHECK(table.open(one.request()) == Code::no_error);
    CHECK_FALSE(table.table.admits("192.0.2.1:5"));
    table.table.erase(two.id);
    CHECK(table.table.admits("192.0.2.1:5"));
    table.table.handshake_time().spend(1s, table.worker.now());
    CHECK(crypto::is(table.table.admits("192.0.2.2:5").error(), Code::overload));
    CHECK(table.open(one.request(false)) == Code::no_error);
}

TEST_CASE("a key tells until when its certificate is valid") {
    Table table;
    Client known(table, identity(8)), nobody(table);
    CHECK(table.open(known.request()) == Code::no_error);
    REQUIRE(table.last->not_after);
    CHECK(*table.last->not_after == known.certificate->not_after());
    CHECK(table.open(nobody.request()) == Code::no_error);
    CHECK_FALSE(table.last->not_after);
}

TEST_CASE(
    "an IPv6 network is not taken for an IPv4 address, but a mapped IPv4 "
    "address is one") {
    CHECK(stranger(Address("[2001:db8:ffff:ffff::1]:1")) != stranger(Address("32.1.13.184:1")));
    CHECK(stranger(Address("[::ffff:192.0.2.1]:1")) == stranger(Address("192.0.2.1:1")));
    CHECK(stranger(Address("[::ffff:192.0.2.1]:1")) != stranger(Address("[::ffff:192.0.2.2]:1")));
    CHECK(stranger(Address("[::1]:1")) != stranger(Address("192.0.2.1:1")));
}

TEST_CASE(
    "a share of time is saved up to a burst, and one that was overdrawn "
    "is waited for") {
    TimeShare share(0.2, 100ms);
    core::TimePoint now{1h};
    CHECK(share.has_some(now));
    share.spend(60ms, now);
    CHECK(share.has_some(now));
    share.spend(60ms, now);  // the last one may take more than there is
    CHECK_FALSE(share.has_some(now));
    CHECK_FALSE(share.has_some(now + 90ms));
    CHECK(share.has_some(now + 110ms));
    now += 1h;
    share.spend(101ms, now);
    CHECK_FALSE(share.has_some(now));

    struct Watch final : core::Clock {
        core::TimePoint now() const override { return time; }
        core::WallTime wall() const override { return {}; }
        core::TimePoint time{1h};
    } watch;
    TimeShare work(0.2, 100ms);
    {
        const TimeSpent spent(work, watch);
        watch.time += 150ms;
        CHECK(work.has_some(watch.now()));
    }
    CHECK_FALSE(work.has_some(watch.now()));
    CHECK(work.has_some(watch.now() + 300ms));
}

TEST_CASE("sessions of a node are counted, given back, and end with their life") {
    events::Simulation sim(1);
    auto& worker = sim.add_host();
    const core::Home::Entered entered(&worker);
    SessionTable sessions(worker, std::make_shared<Channels>(), 2);
    AgreedSession agreed;
    agreed.node = identity(1)->id();
    const auto add = [&](std::uint8_t number) {
        agreed.id[15] = number;
        return sessions.add(agreed);
    };
    CHECK(add(1));
    CHECK(add(2));
    CHECK(crypto::is(add(3).error(), Code::quota));
    agreed.node = identity(2)->id();
    CHECK(add(4));
    agreed.node = identity(1)->id();
    RoutedId first{};
    first[15] = 1;
    sessions.close(first);
    CHECK(add(3));
    CHECK_FALSE(add(5));
    sim.run_for(9s);
    CHECK(sessions.size() == 3);
    sim.run_for(2s);  // nobody attached
    CHECK(sessions.size() == 0);
    CHECK(add(6));
    CHECK(add(7));
    sim.run_for(11s);
    agreed.life = 1s;
    CHECK(add(8));
    sim.run_for(2s);
    CHECK(sessions.size() == 0);
}
