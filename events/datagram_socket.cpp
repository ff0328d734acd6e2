// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/worker.hpp>

#include <cerrno>
#include <utility>

namespace penstock::events {

void DatagramHandler::on_drain(DatagramSocket& socket) { socket.close(); }

DatagramSocket::DatagramSocket(Worker& worker, std::unique_ptr<DatagramHandler> handler)
    : EventSocket(worker, true), handler_(std::move(handler)) {}

DatagramSocket::~DatagramSocket() {
    if (out_ != nullptr) worker().operations().give(*out_);
}

Remote<DatagramSocket> DatagramSocket::remote() { return worker().remote_to<DatagramSocket>(handle(this)); }

Result<void> DatagramSocket::start(const Address& local, const DatagramOptions& options) {
    auto descriptor = backend().open_datagram(local, options);
    if (!descriptor) return fail(descriptor);
    if (auto entered = enter(std::move(*descriptor)); !entered) return entered;
    const auto bound = backend().local_address(*entry_);
    if (!bound) return fail(bound);
    local_ = *bound;
    arm();
    return {};
}

void DatagramSocket::arm() {
    if (entry_ != nullptr) backend().arm_datagrams(*entry_, is_reading_ && !is_closing_);
}

std::size_t DatagramSocket::unsent() const {
    return (out_ != nullptr ? out_->datagrams.size() : 0) +
           (sending_ != nullptr ? sending_->datagrams.size() : 0);
}

Sent DatagramSocket::send(const Address& to, Slice data) {
    worker().check_here();
    if (is_closing()) return Sent::closed;
    const auto queued = unsent();
    if (queued >= unsent_max || (queued > 0 && unsent_bytes_ + data.size() > unsent_bytes_max)) {
        is_waiting_ = true;
        return Sent::full;
    }
    if (out_ == nullptr) out_ = &worker().operations().take(Operation::Kind::send_datagrams);
    unsent_bytes_ += data.size();
    out_->datagrams.push_back({.peer = to, .data = std::move(data), .is_cut = false});
    flush_later();
    if (queued + 1 < unsent_max && unsent_bytes_ < unsent_bytes_max) return Sent::more;
    is_waiting_ = true;
    return Sent::wait;
}

Sent DatagramSocket::send(const Address& to, Bytes data) {
    if (data.empty()) return send(to, Slice());
    Chain chain;  // small ones share a slab
    chain.append(data);
    return send(to, chain.take(chain.size()));
}

void DatagramSocket::flush() {
    if (is_ended() || sending_ != nullptr) return;
    if (out_ != nullptr) {
        sending_ = std::exchange(out_, nullptr);
        sending_bytes_ = unsent_bytes_;
        sending_count_ = sending_->datagrams.size();
        if (const auto done = backend().submit(*entry_, *sending_)) {
            sending_->done = *done;
            sent(*sending_);
        }
        return;
    }
    if (is_closing_) fail_with(Error());
}

void DatagramSocket::sent(Operation& operation) {
    const auto done = operation.done;
    const auto refused = operation.refused + operation.datagrams.size();
    counts_.datagrams_out += sending_count_ - refused;
    counts_.bytes_out += done.bytes;
    counts_.refused += refused;
    unsent_bytes_ -= sending_bytes_;
    sending_ = nullptr;
    worker().operations().give(operation);
    if (out_ != nullptr || is_closing_) flush_later();
    if (done.error) handler_->on_error(*this, done.error);
    if (is_closing() || !is_waiting_ || unsent() > unsent_max / 2 || unsent_bytes_ > unsent_bytes_max / 2)
        return;
    is_waiting_ = false;
    handler_->on_writable(*this);
}

void DatagramSocket::ready_to_read(bool is) {
    is_reading_ = is;
    arm();
}

void DatagramSocket::close() {
    if (is_closing()) return;
    is_closing_ = true;
    arm();
    flush_later();
}

void DatagramSocket::fail_with(Error error) {
    if (is_ended()) return;
    sending_ = nullptr;  // swallowed by the closed entry
    end(error);
}

void DatagramSocket::on_datagrams(std::span<Datagram> datagrams) {
    counts_.datagrams_in += datagrams.size();
    for (const auto& datagram : datagrams) counts_.bytes_in += datagram.data.size();
    if (!is_closing_) handler_->on_datagrams(*this, datagrams);
}

void DatagramSocket::on_receive_failed(Error error) {
    handler_->on_error(*this, error);
    if (!is_ended()) arm();
}

}  // namespace penstock::events
