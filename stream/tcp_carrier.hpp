// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/net/pipeline/pipeline.hpp>
#include <penstock/stream/attach.hpp>
#include <penstock/stream/carrier.hpp>
#include <penstock/stream/record.hpp>
#include <penstock/stream/session.hpp>

#include <cstddef>
#include <span>

namespace penstock::stream {

/// Records on a byte stream (docs/protocol.md, 3.2), as the rightmost handler of a pipeline: the raw carrier,
/// behind the 101. Anything that is no record of the peer's ends the connection without an answer.
///
/// Records are opened where they were received, and their frames handed on as slices of that place; one that
/// is cut over two reads is first put together in a block of its size. So whatever is left of it passes bytes
/// on that nobody reads any more. It writes into the worker's outgoing slab and leaves at most
/// `unsent_bytes_max` in the socket, so that what is sent next is decided late.
///
/// Owner: its slot. Tied to one session, which either may outlive.
class TcpCarrier final : public pipeline::Handler, public Carrier, core::Affine {
public:
    static constexpr std::size_t unsent_bytes_max = 128 * 1024;

    /// `limits` are lowered in tests only.
    TcpCarrier(Session& session, crypto::Algorithms& algorithms, crypto::Suite suite, const RecordKeys& keys,
               RecordLimits limits = {});
    ~TcpCarrier() override;

    /// Of both directions.
    std::uint64_t key_updates() const { return sealer_.key_updates() + opener_.key_updates(); }

private:
    // Handler
    void on_added(pipeline::Slot& slot) override;
    void on_read(pipeline::Slot& slot, Slice bytes) override;
    void on_writable(pipeline::Slot& slot) override;
    void on_shutdown(pipeline::Slot& slot, pipeline::Direction direction, Error error) override;
    void on_drain(pipeline::Slot& slot) override;

    // Carrier
    bool is_writable() const override;
    std::span<std::byte> room(std::size_t plain_bytes) override;
    void send(std::size_t plain_bytes) override;
    void close() override;
    void abort(Error error) override;

    Result<void> read(Slice& bytes);
    Result<bool> collect(Slice& bytes);
    Result<void> open(Slice record);
    void broken(Error error);

    Session* session_;
    pipeline::Slot* slot_ = nullptr;
    RecordSealer sealer_;
    RecordOpener opener_;
    Slice partial_;  // the front of a record whose rest is on its way
    std::size_t unsent_max_ = unsent_bytes_max;
};

}  // namespace penstock::stream
