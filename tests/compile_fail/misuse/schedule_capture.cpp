// SPDX-License-Identifier: Apache-2.0
// refused: what crosses threads captures nothing: hand arguments over
#include <penstock/events/scheduled.hpp>
#include <penstock/events/worker.hpp>
using namespace penstock;

void f(const Remote<Worker>& r, int& n) {
    events::schedule(r, 1s, [&n](Worker*) { ++n; });
}
