// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <cstddef>
#include <span>

namespace penstock::stream {

/// What transports the records of a session: seals, opens and sends them, knows no frame. It calls the
/// session's `received`, `writable` and `lost`, and none of these from inside the calls below.
class Carrier {
public:
    /// Whether it takes records now. After a no it calls `writable` later.
    virtual bool is_writable() const = 0;
    /// Room for the plaintext of one record: at least plain_bytes, which is at most record_plain_bytes_max.
    /// Valid until something else is written on this worker; may be left unused.
    virtual std::span<std::byte> room(std::size_t plain_bytes) = 0;
    /// Seals and sends the first plain_bytes of that room.
    virtual void send(std::size_t plain_bytes) = 0;
    /// Sends what it took, then ends; no `lost` follows.
    virtual void close() = 0;
    /// Ends at once; no `lost` follows.
    virtual void abort(Error error) = 0;

protected:
    ~Carrier() = default;
};

}  // namespace penstock::stream
