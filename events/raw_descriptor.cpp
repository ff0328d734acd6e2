// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/raw_descriptor.hpp>
#include <penstock/events/worker.hpp>

#include <utility>

namespace penstock::events {

void RawHandler::on_drain(RawDescriptor& raw) { raw.abort(); }

RawDescriptor::RawDescriptor(Worker& worker, std::unique_ptr<RawHandler> handler)
    : EventSocket(worker), handler_(std::move(handler)) {}

Result<void> RawDescriptor::start(Descriptor descriptor, Interest interest) {
    number_ = descriptor.number();
    if (auto entered = enter(std::move(descriptor)); !entered) return entered;
    watch(interest);
    return {};
}

void RawDescriptor::watch(Interest interest) {
    if (is_entered()) backend().arm_poll(*entry_, interest);
}

Descriptor RawDescriptor::release() {
    PENSTOCK_ASSERT(is_entered());
    auto out = backend().leave(*std::exchange(entry_, nullptr));
    end();
    return out;
}

}  // namespace penstock::events
