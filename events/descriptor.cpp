// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/descriptor.hpp>

#include <unistd.h>

namespace penstock::events {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        close();
        closer_ = other.closer_;
        number_ = std::exchange(other.number_, -1);
        kind_ = other.kind_;
        is_shared_ = other.is_shared_;
    }
    return *this;
}

void Descriptor::close() noexcept {
    if (number_ < 0) return;
    const int number = std::exchange(number_, -1);
    if (closer_ != nullptr)
        closer_->close_descriptor(number);
    else
        ::close(number);
}

}  // namespace penstock::events
