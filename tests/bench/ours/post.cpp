// SPDX-License-Identifier: Apache-2.0
// Ours in the cases events/post: to one worker, by its Remote.
#include <bench/ours/one_worker.hpp>
#include <bench/peers/post_run.hpp>

using namespace penstock;

int main(int argc, char** argv) {
    static bench::PostRun run(argc, argv);
    bench::OneWorker ours;
    auto& reactor = ours.reactor();
    if (const auto started = reactor.start(); !started) return complain(started.error());
    run.start([remote = reactor.worker(0)](std::uint64_t argument) {
        const auto posted = remote.post(
            [](Worker& worker, std::uint64_t n) {
                if (run.take(n)) worker.reactor().stop_soon({});
            },
            argument);
        return posted == core::Posted::ok;
    });
    reactor.wait();
    run.finish();
}
