// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace penstock::core {

/// A ring of bytes between one thread that writes records and one that reads them. Neither ever waits.
///
///     record: u32 length | length bytes         (it may lie across the end of the ring)
///
/// Thread: `begin`, `put`, `commit` on the writer's; `mark`, `take` on the reader's.
class LogRing {
public:
    static constexpr std::size_t bytes_min = 16 * 1024;
    static constexpr std::size_t bytes_max = 16 * 1024 * 1024;

    /// The size is clamped to the limits above and rounded up to a power of two.
    explicit LogRing(std::size_t bytes);

    /// False, and nothing is begun, when there is no room for a record of `length` bytes.
    bool begin(std::size_t length);
    /// Appends to the record that was begun. Requires no more bytes than were announced.
    void put(const void* data, std::size_t size);
    /// Shows the record to the reader. Requires exactly the bytes that were announced.
    void commit();

    /// The end of what is written by now, for `take`: a reader that stops there can't be kept by a fast
    /// writer.
    std::uint64_t mark() const { return written_.load(std::memory_order_acquire); }
    /// Moves the oldest record out; false at the mark.
    bool take(std::string& record, std::uint64_t mark);

    std::size_t size_bytes() const { return mask_ + 1; }

private:
    void copy_in(const void* data, std::size_t size);
    void copy_out(void* data, std::size_t size);

    const std::size_t mask_;
    const std::unique_ptr<std::byte[]> bytes_;
    alignas(64) std::atomic<std::uint64_t> written_ = 0;  // the writer's line
    std::uint64_t next_ = 0;                              // of the record that is being written
    std::uint64_t read_seen_ = 0;                         // an older state of read_: spares its cache line
    alignas(64) std::atomic<std::uint64_t> read_ = 0;     // the reader's line
    std::uint64_t taken_ = 0;
};

}  // namespace penstock::core
