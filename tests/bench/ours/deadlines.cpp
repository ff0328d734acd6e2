// SPDX-License-Identifier: Apache-2.0
// Ours in the cases of timers: a Deadline, what sockets have inside, and owners that want no more.
#include <bench/ours/worker_timers.hpp>

using namespace penstock;

namespace {

class Counted final : events::Deadline {
public:
    explicit Counted(Worker&) {}
    void arm(Worker& worker, std::chrono::milliseconds after) { worker.arm(*this, after); }
    using Deadline::cancel;

private:
    void on_due() override { bench::fired(); }
};

}  // namespace

int main(int argc, char** argv) {
    return bench::OneWorker().reactor().run_task(bench::time_timers<Counted>,
                                                 bench::timer_arguments(argc, argv));
}
