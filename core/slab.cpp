// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/home.hpp>
#include <penstock/core/slab.hpp>
#include <penstock/core/slice.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace penstock::core {
namespace {

constexpr std::size_t free_links_max = 64 * 1024;

Slab* allocate(std::size_t capacity) {
    void* memory = std::malloc(sizeof(Slab) + capacity);
    PENSTOCK_ASSERT(memory !=
                    nullptr);  // out of memory ends the process: limits bound what a peer can make us hold
    return new (memory) Slab{nullptr, 1, static_cast<std::uint32_t>(capacity)};
}

}  // namespace

void Slab::release() {
    if (--references > 0) return;
    if (auto* home = Home::current())
        home->slabs().give(this);
    else
        std::free(this);
}

Slab* SlabPool::take(std::size_t capacity) {
    PENSTOCK_ASSERT(capacity <= slab_bytes_max);
    auto* home = Home::current();
    const auto size = std::lower_bound(sizes.begin(), sizes.end(), capacity);
    if (size != sizes.end()) capacity = *size;
    if (home == nullptr) return allocate(capacity);
    auto& pool = home->slabs();
    pool.held_bytes_ += static_cast<std::int64_t>(capacity);
    if (size == sizes.end()) return allocate(capacity);
    auto*& free = pool.free_[static_cast<std::size_t>(size - sizes.begin())];
    if (free == nullptr) return allocate(capacity);
    auto* slab = free;
    free = slab->next_free;
    slab->references = 1;
    pool.cached_bytes_ -= capacity;
    return slab;
}

void SlabPool::give(Slab* slab) {
    held_bytes_ -= slab->capacity;
    const auto size = std::lower_bound(sizes.begin(), sizes.end(), slab->capacity);
    if (size == sizes.end() || cached_bytes_ + slab->capacity > cached_bytes_max) return std::free(slab);
    auto*& free = free_[static_cast<std::size_t>(size - sizes.begin())];
    slab->next_free = free;
    free = slab;
    cached_bytes_ += slab->capacity;
}

void* SlabPool::take_link() {
    auto* home = Home::current();
    if (home == nullptr || home->slabs().free_links_ == nullptr) return ::operator new(link_bytes);
    auto& pool = home->slabs();
    auto* link = pool.free_links_;
    pool.free_links_ = link->next;
    --pool.free_link_count_;
    return link;
}

void SlabPool::give_link(void* memory) {
    auto* home = Home::current();
    if (home == nullptr || home->slabs().free_link_count_ >= free_links_max) return ::operator delete(memory);
    auto& pool = home->slabs();
    pool.free_links_ = new (memory) Link{pool.free_links_};
    ++pool.free_link_count_;
}

SlabPool::~SlabPool() {
    for (auto* slab : free_)
        while (slab != nullptr) std::free(std::exchange(slab, slab->next_free));
    while (free_links_ != nullptr) ::operator delete(std::exchange(free_links_, free_links_->next));
}

SlabFiller::~SlabFiller() {
    if (slab_ != nullptr) slab_->release();
}

std::span<std::byte> SlabFiller::room(std::size_t least) {
    if (slab_ != nullptr && slab_->references == 1) used_ = 0;
    if (slab_ == nullptr || slab_->capacity - used_ < least) {
        if (slab_ != nullptr) slab_->release();
        slab_ = SlabPool::take(std::max(least, slab_bytes));
        used_ = 0;
    }
    return {slab_->bytes() + used_, slab_->capacity - used_};
}

Slice SlabFiller::fill(std::size_t count) {
    PENSTOCK_ASSERT(slab_ != nullptr && count <= slab_->capacity - used_);
    slab_->share();
    Slice out(*slab_, slab_->bytes() + used_, count);
    used_ += count;
    return out;
}

}  // namespace penstock::core
