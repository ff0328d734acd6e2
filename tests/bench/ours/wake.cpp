// SPDX-License-Identifier: Apache-2.0
// Ours in the case events/wake: a post to a worker that sleeps.
#include <bench/ours/one_worker.hpp>
#include <bench/peers/wake_run.hpp>

using namespace penstock;

int main(int argc, char** argv) {
    static bench::WakeRun run(argc, argv);
    bench::OneWorker ours;
    auto& reactor = ours.reactor();
    if (const auto started = reactor.start(); !started) return complain(started.error());
    run.start([remote = reactor.worker(0)] {
        std::ignore = remote.post([](Worker& worker) {
            if (run.answer()) worker.reactor().stop_soon({});
        });
    });
    reactor.wait();
    run.finish();
}
