// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/operation.hpp>

namespace penstock::events {

void OperationPool::grow() {
    constexpr std::size_t block = 64;
    blocks_.push_back(std::make_unique<Operation[]>(block));
    for (std::size_t i = 0; i < block; ++i) give(blocks_.back()[i]);
}

}  // namespace penstock::events
