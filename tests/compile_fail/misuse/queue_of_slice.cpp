// SPDX-License-Identifier: Apache-2.0
// refused: Sendable
#include <penstock/core/slice.hpp>
#include <penstock/events/queue.hpp>
using namespace penstock;

struct Piece {
    int number;
    Slice bytes;
};
struct Site {
    events::Queue<Piece> queue;
};
