// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/secret.hpp>

#include <sodium.h>

namespace penstock::crypto {

void wipe(std::span<std::byte> bytes) noexcept { sodium_memzero(bytes.data(), bytes.size()); }

bool equal(Bytes a, Bytes b) noexcept {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

namespace detail {

void* lock_memory(std::size_t size_bytes) {
    PENSTOCK_ASSERT(sodium_init() >= 0);
    auto* memory = sodium_malloc(size_bytes);
    PENSTOCK_ASSERT(memory != nullptr);
    return memory;
}

void free_locked(void* memory) noexcept { sodium_free(memory); }

}  // namespace detail

}  // namespace penstock::crypto
