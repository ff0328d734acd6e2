// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

TEST_CASE("what a program captured outlives its frames, also when the simulation ends in the middle") {
    struct Captured {
        explicit Captured(int* at) : alive(at) { ++*alive; }
        Captured(const Captured& other) : Captured(other.alive) {}
        Captured& operator=(const Captured&) = delete;
        ~Captured() { --*alive; }
        int* alive;
    };
    struct Looks {
        const int& alive;
        int& seen;
        ~Looks() { seen = alive; }
    };
    int alive = 0, seen = -1;
    {
        Simulation sim(1);
        sim.spawn([&, held = Captured(&alive)](Worker& worker) -> Task<> {
            const Looks at_end{alive, seen};
            co_await worker.sleep(1h);
        });
        sim.run_for(1s);
        CHECK(alive == 1);
        CHECK(seen == -1);
    }
    CHECK(seen == 1);
    CHECK(alive == 0);
}
