// SPDX-License-Identifier: Apache-2.0
#include <penstock/proc/queue.hpp>

#include <cstdio>
#include <cstdlib>

namespace penstock::proc {

void Queue::missing_local(const char* type) {
    std::fprintf(stderr, "penstock: no such local was made in this queue: %s\n", type);
    std::abort();
}

}  // namespace penstock::proc
