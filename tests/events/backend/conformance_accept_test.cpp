// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <utility>

#include <events/backend/worlds.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

namespace {

/// No descriptor can be opened while it lives.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::close(lowest);
        auto none = before_;
        none.rlim_cur = static_cast<rlim_t>(lowest);
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

/// The sanitizer for undefined behaviour looks at types with the help of a pipe.
bool needs_descriptors() {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    MESSAGE("skipped: the sanitizer needs descriptors itself");
    return true;
#endif
#endif
    return false;
}

void connect(Rig& rig, Socket& listening, std::size_t count) {
    const auto address = rig.address(listening);
    for (std::size_t i = 0; i < count; ++i) rig.stream(0, address).connect(address);
}

}  // namespace

PROMISE("many connections are accepted at once") {
    auto& listening = rig.listen(1);
    connect(rig, listening, 150);  // more than a turn takes
    REQUIRE(rig.until([&] { return listening.accepted.size() == 150; }));
    auto peers = listening.peers;
    std::ranges::sort(peers);
    CHECK(std::ranges::adjacent_find(peers) == peers.end());
    rig.rest();
    CHECK(listening.accepted.size() == 150);
}

PROMISE("a disarmed accept keeps connections in the queue, and armed again it brings them") {
    auto& listening = rig.listen(1);
    listening.arm_accept(false);
    for (std::size_t round = 1; round <= 5; ++round) {
        connect(rig, listening, 40);
        rig.rest();
        CHECK(listening.told() == (round - 1) * 40);
        listening.arm_accept();
        REQUIRE(rig.until([&] { return listening.accepted.size() == round * 40; }));
        listening.arm_accept(false);
    }
}

PROMISE("an accept that was armed in vain hears of the next connection") {
    auto& listening = rig.listen(1);
    for (std::size_t round = 1; round <= 10; ++round) {
        rig.rest();
        if (round % 3 == 0) listening.arm_accept(false);
        connect(rig, listening, 1);
        if (round % 2 == 0) rig.rest();
        listening.arm_accept();
        REQUIRE(rig.until([&] { return listening.accepted.size() == round; }));
    }
}

PROMISE("an accept is disarmed inside its callback") {
    auto& listening = rig.listen(1);
    listening.then = [&] { listening.arm_accept(false); };
    connect(rig, listening, 5);
    for (std::size_t round = 1; round <= 5; ++round) {
        REQUIRE(rig.until([&] { return listening.accepted.size() == round; }));
        rig.rest();
        CHECK(listening.accepted.size() == round);
        listening.arm_accept();
    }
}

PROMISE("without descriptors an accept fails once, is disarmed, and goes on when it is armed again") {
    if (!rig.can(Capability::system) || needs_descriptors()) return;
    auto& listening = rig.listen(1);
    connect(rig, listening, 3);
    {
        const NoDescriptors none;
        REQUIRE(rig.until([&] { return !listening.accept_failures.empty(); }));
        CHECK(listening.accept_failures[0].code() == EMFILE);
        rig.rest();
        CHECK(listening.accept_failures.size() == 1);
        listening.arm_accept();
        REQUIRE(rig.until([&] { return listening.accept_failures.size() == 2; }));
        rig.rest();
        CHECK(listening.told() == 2);
    }
    rig.rest();
    CHECK(listening.told() == 2);  // disarmed
    listening.arm_accept();
    REQUIRE(rig.until([&] { return listening.accepted.size() == 3; }));
    connect(rig, listening, 2);
    CHECK(rig.until([&] { return listening.accepted.size() == 5; }));
}

PROMISE("a listening socket is closed inside the callback about its failure") {
    if (!rig.can(Capability::system) || needs_descriptors()) return;
    auto& listening = rig.listen(1);
    connect(rig, listening, 2);
    listening.then = [&] { listening.close(); };
    const NoDescriptors none;
    REQUIRE(rig.until([&] { return listening.is_closed(); }));
    CHECK(listening.accept_failures.size() == 1);
    rig.rest();
    CHECK(listening.told() == 1);
}

PROMISE("connections that were reset while they waited do no harm") {
    auto& listening = rig.listen(1);
    listening.arm_accept(false);
    const auto address = rig.address(listening);
    std::vector<Socket*> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(&rig.stream(0, address));
        clients.back()->connect(address);
    }
    rig.rest();
    clients[0]->close(true);
    clients[2]->close(true);
    rig.rest();
    listening.arm_accept();
    REQUIRE(rig.until([&] {
        return std::ranges::count(listening.peers, rig.address(*clients[1])) == 1 &&
               std::ranges::count(listening.peers, rig.address(*clients[3])) == 1;
    }));
    rig.rest();
    CHECK(listening.accept_failures.empty());
    CHECK(listening.accepted.size() <= 4);
}
