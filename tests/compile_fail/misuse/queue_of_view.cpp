// SPDX-License-Identifier: Apache-2.0
// refused: Sendable
#include <penstock/events/queue.hpp>

#include <string_view>
using namespace penstock;

struct Site {
    events::Queue<std::string_view> queue;
};
