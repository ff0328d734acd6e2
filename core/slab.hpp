// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::core {

class Slice;

/// A counted block of memory, header in front of its bytes. The count is not atomic: all slices of a slab are
/// on one thread. Made and freed by a SlabPool; users hold Slices.
struct Slab {
    Slab* next_free;
    std::uint32_t references;
    std::uint32_t capacity;

    std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
    void share() { ++references; }
    /// The last release gives it to the current worker's pool, or to the heap where there is none.
    void release();
};

inline constexpr std::size_t slab_bytes = 16 * 1024;     ///< a full slab: what one read takes at most
inline constexpr std::size_t slab_bytes_max = 1u << 31;  ///< longest single block

/// A worker's cache of free blocks in sizes 512 B to 64 KiB; longer ones are the heap's. Blocks are plain
/// heap blocks, so one that was taken in one worker may be given back in another (that is how a Buffer
/// changes home).
///
/// Thread: its worker's. Cost of take and give in the steady state: a list pop or push.
class SlabPool {
public:
    /// Free bytes that are kept for later use; above, blocks go back to the heap.
    static constexpr std::size_t cached_bytes_max = 4 * 1024 * 1024;

    SlabPool() = default;
    ~SlabPool();
    SlabPool(const SlabPool&) = delete;
    SlabPool& operator=(const SlabPool&) = delete;

    /// A slab with one reference and at least `capacity` bytes. From the current worker's pool, else the
    /// heap. Requires capacity <= slab_bytes_max.
    static Slab* take(std::size_t capacity);

    /// Small nodes of 32 bytes (the links of chains), cached alike.
    static void* take_link();
    static void give_link(void* link);
    static constexpr std::size_t link_bytes = 32;

    std::size_t cached_bytes() const { return cached_bytes_; }
    /// Bytes in use by capacity: taken less given back here. Summed over all workers it is exact; for one
    /// worker it is off by what crossed.
    std::int64_t held_bytes() const { return held_bytes_; }

private:
    friend struct Slab;
    static constexpr std::array<std::uint32_t, 7> sizes{512, 1024, 2048, 4096, 8192, slab_bytes, 64 * 1024};

    void give(Slab* slab);

    struct Link {
        Link* next;
    };
    std::array<Slab*, sizes.size()> free_{};
    Link* free_links_ = nullptr;
    std::size_t free_link_count_ = 0;
    std::size_t cached_bytes_ = 0;
    std::int64_t held_bytes_ = 0;
};

/// Fills slabs from front to back, one after the other, so that many small reads or writes share one.
/// Owner: a worker, one for what comes in and one for what goes out. Starts again at the front when nobody
/// else holds its slab.
class SlabFiller {
public:
    SlabFiller() = default;
    ~SlabFiller();
    SlabFiller(const SlabFiller&) = delete;
    SlabFiller& operator=(const SlabFiller&) = delete;

    /// Contiguous room for at least `least` bytes. Valid until the next call.
    std::span<std::byte> room(std::size_t least);
    /// The first `count` bytes of the room, which were filled.
    Slice fill(std::size_t count);

private:
    Slab* slab_ = nullptr;
    std::size_t used_ = 0;
};

}  // namespace penstock::core
