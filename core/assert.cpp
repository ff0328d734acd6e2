// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace penstock::core {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "penstock: assertion failed: %s at %s:%d; this is a bug, please report it\n",
                 condition, file, line);
    std::abort();
}

}  // namespace penstock::core
