// SPDX-License-Identifier: Apache-2.0
// refused: rvalue reference
#include <penstock/events/queue.hpp>

#include <string>
using namespace penstock;

bool f(const events::Queue<std::string>::Sender& sender, std::string& text) {
    return sender.push(text) == Posted::ok;  // after "full" it would be unclear whose it is
}
