// SPDX-License-Identifier: Apache-2.0
// The floor of posts: a bounded ring, and a consumer that spins.
#include <bench/peers/bounded_ring.hpp>
#include <bench/peers/post_run.hpp>

int main(int argc, char** argv) {
    using namespace penstock::bench;
    static BoundedRing ring;
    static PostRun run(argc, argv);
    static bool is_over = false;
    run.start([](std::uint64_t argument) {
        return ring.push({[](std::uint64_t n) { is_over = run.take(n); }, argument});
    });
    while (!is_over)
        if (!ring.run_batch()) relax();
    run.finish();
}
