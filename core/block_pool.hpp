// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define PENSTOCK_POOLS_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PENSTOCK_POOLS_BLOCKS 0
#endif
#endif
#ifndef PENSTOCK_POOLS_BLOCKS
#define PENSTOCK_POOLS_BLOCKS 1
#endif

namespace penstock::core {

/// Blocks of one size, for objects of which there are very many: without the header of a heap block, and
/// taken and given by a list's push and pop. What was taken at the peak is kept until the pool dies. Under
/// the address sanitizer each block is the heap's, so that use after free is seen. Thread: its owner's.
template <std::size_t Bytes, std::size_t BlocksPerChunk = 64>
class BlockPool {
public:
    BlockPool() = default;
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;

    /// Aligned for pointers.
    void* take() {
        if constexpr (PENSTOCK_POOLS_BLOCKS == 0) return ::operator new(Bytes);
        if (free_ == nullptr) grow();
        auto* const out = free_;
        free_ = out->next;
        return out;
    }
    void give(void* block) {
        if constexpr (PENSTOCK_POOLS_BLOCKS == 0) return ::operator delete(block);
        free_ = new (block) Free{free_};
    }

private:
    struct Free {
        Free* next;
    };
    struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Chunk {
        std::byte bytes[Bytes * BlocksPerChunk];
    };
    static_assert(Bytes % alignof(void*) == 0 && Bytes >= sizeof(Free));

    void grow() {
        chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
        for (std::size_t i = BlocksPerChunk; i-- > 0;) give(chunks_.back()->bytes + i * Bytes);
    }

    std::vector<std::unique_ptr<Chunk>> chunks_;
    Free* free_ = nullptr;
};

}  // namespace penstock::core
