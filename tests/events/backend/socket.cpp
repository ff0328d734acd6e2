// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <doctest/doctest.h>
#include <events/backend/rig.hpp>
#include <events/backend/socket.hpp>

using namespace penstock::events;

namespace penstock::test {

void Socket::enter(Descriptor descriptor) {
    auto entered = backend().enter(std::move(descriptor), *this);
    REQUIRE(entered);
    entry_ = *entered;
}

Backend& Socket::backend() const { return side_.backend(); }

void Socket::arm_accept(bool is) { backend().arm_accept(entry(), is); }
void Socket::arm_receive(std::size_t credit) { backend().arm_receive(entry(), credit); }
void Socket::arm_datagrams(bool is) { backend().arm_datagrams(entry(), is); }
void Socket::arm_poll(Interest interest) { backend().arm_poll(entry(), interest); }

Tracked& Socket::connect(const Address& to) {
    auto& operation = rig_.operation(Operation::Kind::connect);
    operation.address = to;
    submit(operation);
    return operation;
}

Tracked& Socket::send(Chain chain) {
    auto& operation = rig_.operation(Operation::Kind::send);
    operation.data = std::move(chain);
    submit(operation);
    return operation;
}

Tracked& Socket::send(std::string_view bytes) { return send(Chain(Slice::copy(bytes))); }

Tracked& Socket::send_datagrams(std::vector<Datagram> datagrams_) {
    auto& operation = rig_.operation(Operation::Kind::send_datagrams);
    operation.datagrams = std::move(datagrams_);
    submit(operation);
    return operation;
}

void Socket::submit(Tracked& operation) {
    operation.whole = operation.data.size();
    operation.completions = 0;
    operation.is_submitted = true;
    flying_ = &operation;
    if (const auto done = backend().submit(entry(), operation)) {
        operation.done = *done;
        completed(operation);
    }
}

void Socket::cancel(Tracked& operation) { backend().cancel(operation); }

void Socket::completed(Tracked& operation) {
    ++operation.completions;
    CHECK(operation.completions == 1);
    CHECK(flying_ == &operation);
    flying_ = nullptr;
    if (operation.kind == Operation::Kind::send)
        CHECK(operation.done.bytes + operation.data.size() == operation.whole);
}

void Socket::write(Chain chain) {
    queue_.append(std::move(chain));
    if (writing_ == nullptr) write_on();
}

void Socket::write(std::string_view bytes) { write(Chain(Slice::copy(bytes))); }

void Socket::write_on() {
    while (!queue_.empty() && writing_ == nullptr && send_failures.empty() && !is_closed()) {
        auto& operation = send(std::exchange(queue_, {}));
        if (!operation.is_done()) {
            writing_ = &operation;
            return;
        }
        if (operation.done.error) send_failures.push_back(operation.done.error);
        queue_ = std::move(operation.data);
    }
    if (queue_.empty() && is_finishing_ && !is_closed()) finish();
}

void Socket::finish() {
    is_finishing_ = unsent() > 0;
    if (!is_finishing_) CHECK(backend().finish(entry()));
}

void Socket::close(bool reset) {
    if (is_closed()) return;
    backend().close(*std::exchange(entry_, nullptr), reset);
}

Descriptor Socket::leave() {
    if (!backend().settle(entry())) REQUIRE(rig_.until([&] { return settlings == 1; }));
    return backend().leave(*std::exchange(entry_, nullptr));
}

void Socket::note() {
    CHECK(!is_closed());
    ++told_;
    if (then) then();
}

void Socket::on_accepted(Descriptor descriptor, const Address& peer) {
    CHECK(descriptor);
    accepted.push_back(std::move(descriptor));
    peers.push_back(peer);
    note();
}

void Socket::on_received(Slice slice) {
    CHECK(!slice.empty());
    received += slice.text();
    ++deliveries_;
    if (keeps) kept.push_back(std::move(slice));
    note();
}

void Socket::on_receive_end() {
    ++ends;
    note();
}

void Socket::on_receive_failed(Error error) {
    CHECK(error);
    failures.push_back(error);
    note();
}

void Socket::on_accept_failed(Error error) {
    CHECK(error);
    accept_failures.push_back(error);
    note();
}

void Socket::on_datagrams(std::span<Datagram> batch) {
    CHECK(!batch.empty());
    for (const auto& datagram : batch) {
        CHECK(!datagram.is_cut);
        datagrams.push_back({datagram.peer, std::string(datagram.data.text())});
    }
    ++batches;
    note();
}

void Socket::on_settled() {
    ++settlings;
    note();
}

void Socket::on_ready(Interest interest) {
    CHECK((interest.read || interest.write));
    readies.push_back(interest);
    note();
}

void Socket::on_completed(Operation& operation) {
    auto& done = static_cast<Tracked&>(operation);
    completed(done);
    if (writing_ == &done) {
        writing_ = nullptr;
        if (done.done.error) send_failures.push_back(done.done.error);
        done.data.append(std::move(queue_));
        queue_ = std::move(done.data);
        write_on();
    }
    note();
}

}  // namespace penstock::test
