// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace penstock::crypto {

/// Zeros that the compiler does not optimize away.
void wipe(std::span<std::byte> bytes) noexcept;

/// Compares in a time that depends on the lengths alone; different lengths are unequal.
bool equal(Bytes a, Bytes b) noexcept;

/// N bytes that are wiped when they die and when they are moved from. A copy is one more secret, which wipes
/// itself. Not locked in memory: see Locked.
template <std::size_t N>
class Secret {
public:
    static constexpr std::size_t size_bytes = N;

    Secret() = default;  ///< zeros
    explicit Secret(std::span<const std::uint8_t, N> bytes) { std::ranges::copy(bytes, bytes_.begin()); }
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.clear(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            bytes_ = other.bytes_;
            other.clear();
        }
        return *this;
    }
    ~Secret() { clear(); }

    void clear() noexcept { wipe(writable()); }
    bool is_zero() const noexcept { return equal(*this, Secret()); }

    const std::uint8_t* data() const { return bytes_.data(); }
    std::uint8_t* data() { return bytes_.data(); }
    std::span<std::byte, N> writable() { return std::as_writable_bytes(std::span(bytes_)); }
    operator Bytes() const { return Bytes(std::span<const std::uint8_t>(bytes_)); }

    friend bool operator==(const Secret& a, const Secret& b) { return equal(a, b); }
    static constexpr bool sendable = true;

private:
    std::array<std::uint8_t, N> bytes_{};
};

namespace detail {
/// Whole pages with guards around them: never swapped (as far as the limit on locked memory allows), not in
/// core dumps, wiped when freed. Ends the process when there is no memory.
void* lock_memory(std::size_t size_bytes);
void free_locked(void* memory) noexcept;
}  // namespace detail

/// Sole owner of a T in locked memory, for keys that live as long as the process. Costs some pages and system
/// calls each: for the few, not for sessions. Null after it was moved from.
template <class T>
class Locked {
public:
    Locked() : value_(new(detail::lock_memory(sizeof(T))) T()) {}
    Locked(Locked&& other) noexcept = default;
    Locked& operator=(Locked&& other) noexcept = default;

    /// Requires that it was not moved from.
    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return value_.get(); }
    const T* operator->() const { return value_.get(); }
    explicit operator bool() const { return value_ != nullptr; }

private:
    struct Free {
        void operator()(T* value) const noexcept {
            value->~T();
            detail::free_locked(value);
        }
    };
    std::unique_ptr<T, Free> value_;
};

}  // namespace penstock::crypto
