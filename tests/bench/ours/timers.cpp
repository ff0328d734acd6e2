// SPDX-License-Identifier: Apache-2.0
// Ours in the cases of timers, too: a Timer, which has a callback.
#include <bench/ours/worker_timers.hpp>

using namespace penstock;

namespace {

class Counted {
public:
    explicit Counted(Worker& worker) : timer_(worker, bench::fired) {}
    void arm(Worker&, std::chrono::milliseconds after) { timer_.arm(after); }
    void cancel() { timer_.cancel(); }

private:
    Timer timer_;
};

}  // namespace

int main(int argc, char** argv) {
    return bench::OneWorker().reactor().run_task(bench::time_timers<Counted>,
                                                 bench::timer_arguments(argc, argv));
}
