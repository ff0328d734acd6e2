// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/chain.hpp>
#include <penstock/core/slice.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace penstock::stream {

/// Packets in a row, each with a mark of 12 bytes in front, in one chain of bytes:
///
///     | mark | payload | mark | payload ...        mark = bytes, total, type, flags
///
/// Short payloads are copied into blocks of the queue's own, which grow from 512 B to 16 KiB with what is
/// queued, so that many small ones don't hold a slab each; long ones are kept by reference. An empty queue
/// holds no memory. Does not allocate in the steady state (blocks and links are pooled). Thread: its
/// worker's.
class PacketQueue {
public:
    /// From here on a slice is kept as it is.
    static constexpr std::size_t reference_bytes_min = 4096;

    struct Mark {
        std::uint32_t bytes = 0;  ///< of the payload; at the front, what is left of it
        std::uint32_t total = 0;  ///< of the message, in its first piece when there are more
        std::uint8_t type = 0;
        bool begins = true, ends = true;
        bool is_shared = false;  ///< set by push
    };

    PacketQueue() = default;
    ~PacketQueue() { clear(); }
    PacketQueue(const PacketQueue&) = delete;
    PacketQueue& operator=(const PacketQueue&) = delete;

    /// mark.bytes is set.
    void push(Mark mark, Bytes payload);
    void push(Mark mark, Slice payload);
    void push(Mark mark, std::shared_ptr<const Buffer> payload);

    bool empty() const { return count_ == 0; }
    std::size_t packets() const { return count_; }
    /// Of payload.
    std::size_t bytes() const { return bytes_; }
    /// How much bytes() grows when one more is taken: marks and heads, so that empty packets count, too.
    static constexpr std::size_t packet_cost_bytes = 16;
    std::size_t cost() const { return bytes_ + count_ * packet_cost_bytes; }

    /// Requires !empty(), as the rest does.
    Mark& front();
    /// Takes the next bytes of the front's payload out. Requires out.size() <= front().bytes.
    void copy_to(std::span<std::byte> out);
    /// All that is left of it, contiguous; then the packet is gone. Its bytes are counted or constant: none
    /// is of a shared Buffer (which receiving never has).
    Slice take();
    /// Requires that its payload was taken.
    void pop();
    void clear();

private:
    static constexpr std::size_t mark_bytes = 12;
    void put_mark(Mark mark, std::size_t payload_bytes);
    void put(Bytes bytes);
    void drop_block();

    core::Chain data_;
    core::Slab* block_ = nullptr;
    std::size_t used_ = 0;  // of the block
    std::size_t bytes_ = 0, count_ = 0;
    Mark front_;
    bool has_front_ = false;  // its mark is out of the chain
    std::vector<std::shared_ptr<const Buffer>> shared_;
    std::size_t shared_from_ = 0;  // those before are done
};

}  // namespace penstock::stream
