// SPDX-License-Identifier: Apache-2.0
// refused: an argument is not Sendable
#include <penstock/events/scheduled.hpp>
#include <penstock/events/worker.hpp>

#include <string_view>
using namespace penstock;

void f(const Remote<Worker>& r) {
    events::schedule(r, 1s, [](Worker*, std::string_view) {}, std::string_view("x"));
}
