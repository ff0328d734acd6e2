// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/net/socket_carrier.hpp>
#include <penstock/stream/tcp_carrier.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock::stream {
namespace {

constexpr events::WriteMarks socket_marks{.high_bytes = TcpCarrier::unsent_bytes_max,
                                          .low_bytes = TcpCarrier::unsent_bytes_max / 2};

const crypto::Secret<32>& sending(const RecordKeys& keys, Role role) {
    return role == Role::client ? keys.client : keys.server;
}
const crypto::Secret<32>& receiving(const RecordKeys& keys, Role role) {
    return role == Role::client ? keys.server : keys.client;
}

}  // namespace

TcpCarrier::TcpCarrier(Session& session, crypto::Algorithms& algorithms, crypto::Suite suite,
                       const RecordKeys& keys, RecordLimits limits)
    : session_(&session),
      sealer_(algorithms, suite, sending(keys, session.role()), session.worker().now(), limits),
      opener_(algorithms, suite, receiving(keys, session.role()), session.terms().record_bytes_max, limits) {}

TcpCarrier::~TcpCarrier() {
    if (session_ != nullptr) std::exchange(session_, nullptr)->lost(Error::os(ECONNABORTED));
}

/// Only a write that goes above the socket's high mark brings on_writable: so that is where we stop.
void TcpCarrier::on_added(pipeline::Slot& slot) {
    slot_ = &slot;
    if (auto* socket = dynamic_cast<net::SocketCarrier*>(&slot.pipeline().carrier()))
        socket->socket().marks(socket_marks);
    else
        unsent_max_ = pipeline::Pipeline::high_bytes;
    session_->attach(*this);
}

// Sending.

bool TcpCarrier::is_writable() const { return slot_->pipeline().carrier().unsent_bytes() < unsent_max_; }

std::span<std::byte> TcpCarrier::room(std::size_t plain_bytes) {
    const auto whole = slot_->worker().outgoing().room(plain_bytes + record_overhead_bytes);
    const auto most = std::min(whole.size(), record_bytes_max) - record_overhead_bytes;
    return whole.subspan(record_head_bytes, most);
}

void TcpCarrier::send(std::size_t plain_bytes) {
    auto& outgoing = slot_->worker().outgoing();
    const auto bytes =
        sealer_.seal(slot_->worker().now(), plain_bytes, outgoing.room(plain_bytes + record_overhead_bytes));
    slot_->write(outgoing.fill(bytes));
}

void TcpCarrier::on_writable(pipeline::Slot&) {
    if (session_ != nullptr) session_->writable();
}

void TcpCarrier::close() {
    session_ = nullptr;
    slot_->pipeline().close();
}

void TcpCarrier::abort(Error error) {
    session_ = nullptr;
    slot_->pipeline().abort(error);
}

void TcpCarrier::on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error error) {
    if (session_ != nullptr) std::exchange(session_, nullptr)->lost(error);
    slot.shutdown_done(direction);
}

void TcpCarrier::on_drain(pipeline::Slot& slot) {
    if (session_ == nullptr) return slot.pipeline().close();
    session_->close(crypto::Code::shutdown);
}

// Receiving.

void TcpCarrier::on_read(pipeline::Slot&, Slice bytes) {
    while (!bytes.empty() && session_ != nullptr)
        if (auto done = read(bytes); !done) return broken(done.error());
}

void TcpCarrier::broken(Error error) {
    partial_ = {};
    if (session_ != nullptr) session_->broken(error);
}

/// The next record, or what there is of it.
Result<void> TcpCarrier::read(Slice& bytes) {
    if (partial_.empty()) {
        const auto size = opener_.record_bytes(bytes);
        if (!size) return fail(size);
        if (*size > record_head_bytes && *size <= bytes.size()) return open(bytes.take(*size));
    }
    const auto whole = collect(bytes);
    if (!whole) return fail(whole);
    return *whole ? open(std::exchange(partial_, {})) : Result<void>();
}

/// Moves bytes behind the partial record, not beyond its end. True: it is whole.
Result<bool> TcpCarrier::collect(Slice& bytes) {
    for (;;) {
        const auto size = opener_.record_bytes(partial_);
        if (!size) return fail(size);
        if (*size > record_head_bytes && *size == partial_.size()) return true;
        if (bytes.empty()) return false;
        const auto count = std::min(*size - partial_.size(), bytes.size());
        if (partial_.slab_size() < *size) {
            auto* slab = core::SlabPool::take(*size);
            Slice larger(*slab, slab->bytes(), partial_.size());
            if (!partial_.empty()) std::memcpy(larger.writable(), partial_.data(), partial_.size());
            partial_ = std::move(larger);
        }
        PENSTOCK_ASSERT(partial_.extend(Bytes(bytes).first(count)));
        bytes.drop(count);
    }
}

Result<void> TcpCarrier::open(Slice record) {
    const auto plain = opener_.open(slot_->worker().now(), {record.writable(), record.size()});
    if (!plain) return fail(plain);
    record.drop(record_head_bytes);
    record.keep(plain->size());
    session_->received(std::move(record));
    return {};
}

}  // namespace penstock::stream
