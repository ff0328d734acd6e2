// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bench/peers/message.hpp>
#include <bench/peers/post_run.hpp>
#include <bench/peers/wake_run.hpp>

// The programs of the peers in the cases of posts: a Queue posts messages to its loop, runs that loop on the
// calling thread, and stops it.

namespace penstock::bench {

template <class Queue>
int post_main(int argc, char** argv) {
    static Queue queue;
    static PostRun run(argc, argv);
    run.start([](std::uint64_t argument) {
        queue.post({[](std::uint64_t n) {
                        if (run.take(n)) queue.stop();
                    },
                    argument});
        return true;
    });
    queue.run();
    run.finish();
    return 0;
}

template <class Queue>
int wake_main(int argc, char** argv) {
    static Queue queue;
    static WakeRun run(argc, argv);
    run.start([] {
        queue.post({[](std::uint64_t) {
                        if (run.answer()) queue.stop();
                    },
                    0});
    });
    queue.run();
    run.finish();
    return 0;
}

}  // namespace penstock::bench
