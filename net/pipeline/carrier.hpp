// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/chain.hpp>
#include <penstock/core/result.hpp>

#include <chrono>
#include <cstddef>

namespace penstock::pipeline {

/// What moves the bytes of a Pipeline, left of its first slot: a socket, a pair in memory, a stream channel.
/// It calls the pipeline's `received`, `receive_end`, `sent`, `writable` and `closed`, never from inside
/// these.
class Carrier {
public:
    virtual void write(Chain chain) = 0;
    /// Bytes handed to write so far, and those of them that have left.
    virtual std::uint64_t bytes_left() const = 0;
    virtual std::size_t unsent_bytes() const = 0;
    /// Delivers at most this much until it is called again.
    virtual void read_credit(std::size_t bytes) = 0;
    /// Sends what is queued, then ends; `closed` comes later.
    virtual void close() = 0;
    virtual void abort(Error error) = 0;
    /// Ends with ETIMEDOUT when nothing moves for so long.
    virtual void idle_timeout(std::chrono::nanoseconds time) = 0;
    virtual const Address& peer() const = 0;
    /// The pipeline is at rest: see Pipeline::rest.
    virtual void rest() {}

protected:
    ~Carrier() = default;
};

}  // namespace penstock::pipeline
