// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/clock.hpp>
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/node/detail/stream_service.hpp>

#include <atomic>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

using namespace penstock;
using namespace penstock::node;

namespace {

using Days = std::chrono::duration<int, std::ratio<86'400>>;

struct World {
    explicit World(Days age) {
        AllSettings settings;
        REQUIRE(settings.load({}, {}));
        REQUIRE(service.load(settings, folder.path()));
        auto keys = service.keys(core::SystemClock().wall() - age);
        REQUIRE(keys);
        before = (*keys)->certificate.hash();
        reactor.lend(std::move(*keys));
        REQUIRE(reactor.start());
    }
    test::TemporaryFolder folder;
    StreamService service;
    std::array<std::uint8_t, 32> before{};
    core::Logger logger{{.level = core::LogLevel::off}};
    Reactor reactor{{.workers = 2, .logger = &logger}};
};

struct Lent {
    World* world;
    std::atomic<unsigned>* changed;
    std::atomic<unsigned>* asked;
    static constexpr bool sendable = true;
};

/// How many workers have another certificate than before, once worker 0 has looked.
unsigned changed(World& world) {
    std::atomic<unsigned> changed = 0, asked = 0;
    auto look = [](Worker& worker, Lent lent) {
        CertificateRenewal(worker, lent.world->service).look();
        auto ask = [](Worker& each, Lent back) {
            const auto& keys = each.local<const stream::NodeKeys>();
            if (keys.certificate.hash() != back.world->before) ++*back.changed;
            CHECK(keys.certificate.is_valid_at(core::SystemClock().wall()));
            ++*back.asked;
            back.asked->notify_all();
        };
        CHECK(worker.reactor().post_all(ask, lent) == Posted::ok);
    };
    REQUIRE(world.reactor.worker(0).post(look, Lent{&world, &changed, &asked}) == Posted::ok);
    for (auto had = asked.load(); had < 2; had = asked.load()) asked.wait(had);
    return changed;
}

}  // namespace

TEST_CASE("a certificate with less than half of its life left is renewed on all workers") {
    World world(Days(46));
    CHECK(changed(world) == 2);
}

TEST_CASE("a younger one stays") {
    World world(Days(44));
    CHECK(changed(world) == 0);
}

TEST_CASE("the node stays the same, whatever its certificate") {
    World world(Days(0));
    StreamService again;
    AllSettings settings;
    REQUIRE(settings.load({}, {}));
    REQUIRE(again.load(settings, world.folder.path()));
    CHECK(again.id() == world.service.id());
}
