// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/chain.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::events {

class Entry;

/// One message of a datagram socket. Without a peer: to or from the one that the socket is connected to.
struct Datagram {
    Address peer;
    Slice data;
    bool is_cut = false;  ///< received, and longer than what fits
};

/// How a connect or a send ended. A send may take fewer bytes than it was given without an error: then the
/// rest is submitted again. With an error (also ECANCELED), `bytes` says what the kernel has taken all the
/// same.
struct Completion {
    std::size_t bytes = 0;
    Error error;
};

/// A connect or a send that may be pending: a block lent by the worker's pool, which owns its buffers until
/// the kernel has let go of them, and may outlive its socket. Completes exactly once.
struct Operation {
    enum class Kind : std::uint8_t { connect, send, send_datagrams };

    Kind kind = Kind::send;
    Entry* entry = nullptr;  ///< set by the backend while it is pending
    Chain data;              ///< send: what is still to be taken
    Address address;         ///< connect: where to
    /// send_datagrams: all are gone when it completes, unless it is cancelled: then those that are left are
    /// still here. Those that the system refuses are dropped and counted, and the rest go on; `done` has the
    /// bytes that were sent, and the last refusal.
    std::vector<Datagram> datagrams;
    std::size_t refused = 0;
    Completion done;
    Operation* next = nullptr;  ///< the pool's; a backend may use it while the operation is pending
};

/// Owner: a worker; kept as long as any of its operations can be pending.
class OperationPool {
public:
    OperationPool() = default;
    OperationPool(const OperationPool&) = delete;
    OperationPool& operator=(const OperationPool&) = delete;

    Operation& take(Operation::Kind kind) {
        if (free_ == nullptr) grow();
        auto& out = *free_;
        free_ = out.next;
        out.kind = kind;
        out.entry = nullptr;
        out.done = {};
        out.refused = 0;
        out.next = nullptr;
        return out;
    }
    void give(Operation& operation) {
        if (!operation.data.empty()) operation.data.clear();
        operation.datagrams.clear();
        operation.next = free_;
        free_ = &operation;
    }

private:
    void grow();
    std::vector<std::unique_ptr<Operation[]>> blocks_;
    Operation* free_ = nullptr;
};

}  // namespace penstock::events
