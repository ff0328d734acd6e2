// SPDX-License-Identifier: Apache-2.0
// Linked into a test program, it stands in front of the C library's allocator and counts.
#include <atomic>
#include <cstddef>

#include <support/allocations.hpp>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PENSTOCK_COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PENSTOCK_COUNTS 0
#endif
#endif
#ifndef PENSTOCK_COUNTS
#define PENSTOCK_COUNTS 1
#endif

namespace penstock::test {
namespace {

std::atomic<std::uint64_t> counted{0};
constinit thread_local std::uint64_t counted_here = 0;

}  // namespace

const bool allocations_are_counted = PENSTOCK_COUNTS != 0;
std::uint64_t allocations_of_other_threads() { return counted.load(); }
std::uint64_t allocations_of_this_thread() { return counted_here; }

}  // namespace penstock::test

#if PENSTOCK_COUNTS
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

static void note() {
    static thread_local const bool is_main = ::getpid() == static_cast<pid_t>(::syscall(SYS_gettid));
    ++penstock::test::counted_here;
    if (!is_main) penstock::test::counted.fetch_add(1, std::memory_order_relaxed);
}
void* malloc(std::size_t size) {
    note();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    note();
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    note();
    return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    note();
    return __libc_memalign(alignment, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
    note();
    return __libc_memalign(alignment, size);
}
}
#endif
