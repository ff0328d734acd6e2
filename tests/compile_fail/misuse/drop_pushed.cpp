// SPDX-License-Identifier: Apache-2.0
// refused: nodiscard
#include <penstock/events/queue.hpp>
using namespace penstock;

void f(const events::Queue<int>::Sender& sender) { sender.push(1); }
