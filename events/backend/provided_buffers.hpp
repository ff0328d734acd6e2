// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/slice.hpp>

#include <array>
#include <cstdint>

#include <liburing.h>

namespace penstock::events {

/// Slabs that the kernel receives into (io_uring_register_buf_ring(3)): it takes one when bytes are there, so
/// that a thousand idle receives hold none. Thread: its worker's.
class ProvidedBuffers {
public:
    static constexpr unsigned count = 64;  ///< a power of two
    static constexpr int group = 0;
    static constexpr std::size_t copied_bytes_max =
        4096;  ///< up to here a piece leaves its slab to the kernel

    ProvidedBuffers() = default;
    ~ProvidedBuffers();
    ProvidedBuffers(const ProvidedBuffers&) = delete;
    ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;

    /// 0, or what the system answered.
    int start(io_uring& ring);
    /// Before the ring goes.
    void stop();
    /// Hands slabs to the kernel where there are none; to be called with a worker.
    void fill();
    /// What was received into a buffer. It is the kernel's again at the next fill().
    Slice take(unsigned buffer, std::size_t bytes);

private:
    io_uring* ring_ = nullptr;
    io_uring_buf_ring* buffers_ = nullptr;
    std::array<core::Slab*, count> slabs_{};
    std::array<unsigned short, count> free_{};  // buffers that the kernel does not have
    unsigned free_count_ = 0;
    std::uint64_t lent_ = 0;  // those that it has, a bit each
    static_assert(count <= 64);
};

}  // namespace penstock::events
