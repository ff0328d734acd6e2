// SPDX-License-Identifier: Apache-2.0
// refused: an argument is not Sendable
#include <penstock/events/scheduled.hpp>
#include <penstock/events/worker.hpp>
using namespace penstock;

void f(const Remote<Worker>& r, int& n) {
    events::schedule(r, 1s, [](Worker*, int* at) { ++*at; }, &n);
}
