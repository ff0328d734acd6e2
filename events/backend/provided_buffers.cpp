// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/home.hpp>
#include <penstock/events/backend/provided_buffers.hpp>

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/mman.h>

namespace penstock::events {
namespace {

constexpr std::size_t ring_bytes = ProvidedBuffers::count * sizeof(io_uring_buf);

}  // namespace

int ProvidedBuffers::start(io_uring& ring) {
    void* const memory =
        ::mmap(nullptr, ring_bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (memory == MAP_FAILED) return errno;
    buffers_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_ring_init(buffers_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = count;
    registration.bgid = group;
    if (const int refused = io_uring_register_buf_ring(&ring, &registration, 0); refused != 0)
        return -refused;
    ring_ = &ring;
    for (unsigned i = 0; i < count; ++i) free_[free_count_++] = static_cast<unsigned short>(i);
    return 0;
}

void ProvidedBuffers::stop() {
    if (ring_ != nullptr) io_uring_unregister_buf_ring(std::exchange(ring_, nullptr), group);
}

ProvidedBuffers::~ProvidedBuffers() {
    PENSTOCK_ASSERT(ring_ == nullptr);
    if (buffers_ != nullptr) ::munmap(buffers_, ring_bytes);
    for (auto* slab : slabs_)
        if (slab != nullptr) slab->release();
}

void ProvidedBuffers::fill() {
    if (free_count_ == 0) return;
    for (unsigned i = 0; i < free_count_; ++i) {
        const auto buffer = free_[i];
        lent_ |= std::uint64_t(1) << buffer;
        auto*& slab = slabs_[buffer];
        if (slab == nullptr) slab = core::SlabPool::take(core::slab_bytes);
        io_uring_buf_ring_add(buffers_, slab->bytes(), core::slab_bytes, buffer,
                              io_uring_buf_ring_mask(count), static_cast<int>(i));
    }
    io_uring_buf_ring_advance(buffers_, static_cast<int>(std::exchange(free_count_, 0)));
}

/// A short piece is copied beside its neighbours: alone, it would hold a whole slab.
Slice ProvidedBuffers::take(unsigned buffer, std::size_t bytes) {
    PENSTOCK_ASSERT(buffer < count && (lent_ >> buffer & 1) != 0 && bytes <= core::slab_bytes);
    lent_ &= ~(std::uint64_t(1) << buffer);
    auto*& slab = slabs_[buffer];
    free_[free_count_++] = static_cast<unsigned short>(buffer);
    if (bytes > copied_bytes_max) {
        auto& taken = *std::exchange(slab, nullptr);
        return {taken, taken.bytes(), bytes};
    }
    auto& filler = core::Home::current()->incoming();
    std::memcpy(filler.room(bytes).data(), slab->bytes(), bytes);
    return filler.fill(bytes);
}

}  // namespace penstock::events
