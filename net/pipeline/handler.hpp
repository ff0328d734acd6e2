// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/chain.hpp>
#include <penstock/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace penstock::pipeline {

class Slot;

enum class Direction : std::uint8_t { read, write };

/// Bytes on their way to the peer. `on_done` is called once, never inside the write, after the last byte was
/// handed to the kernel, or with an error when it will not be.
struct Message {
    Chain data;
    std::move_only_function<void(Result<void>)> on_done;
};

/// What sits in a slot of a Pipeline: a protocol, or a layer under one. Owned by its slot, destroyed at the
/// end of the turn in which it left. Thread: the pipeline's. A handler that throws ends its pipeline.
class Handler {
public:
    virtual ~Handler() = default;
    virtual void on_added(Slot&) {}
    /// Bytes from the left; empty only where the layer there has records that are. A layer passes on every
    /// whole record at once, and keeps at most one that is not whole.
    virtual void on_read(Slot&, Slice) = 0;
    /// Bytes from the right; the default passes them on.
    virtual void on_write(Slot&, Message);
    /// A pure question: how many bytes must come in so that `bytes` can go out to the right? A layer adds its
    /// overhead.
    virtual std::size_t on_window(Slot&, std::size_t bytes) { return bytes; }
    /// What is queued fell below the low mark (see Slot::is_writable).
    virtual void on_writable(Slot&) {}
    /// This direction ends: read from left to right, then write from right to left. The default agrees; who
    /// has still something to do calls slot.shutdown_done(direction) later. Bytes may be written until then.
    virtual void on_shutdown(Slot&, Direction, Error);
    /// The worker drains: finish what runs. The default closes the pipeline. Asked of the rightmost only.
    virtual void on_drain(Slot&);
};

}  // namespace penstock::pipeline
