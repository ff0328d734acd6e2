// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::core {

/// Where randomness comes from: the kernel, or a simulation's seed. Passed, never found.
class Random {
public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::byte> out) = 0;

    std::uint64_t word();
    /// Uniform in [0, bound), without bias. Requires bound > 0.
    std::uint64_t below(std::uint64_t bound);
    /// Uniform in [0, 1).
    double unit();
    template <std::size_t N>
    std::array<std::uint8_t, N> bytes() {
        std::array<std::uint8_t, N> out;
        fill(std::as_writable_bytes(std::span(out)));
        return out;
    }
};

/// getrandom(2) for each use: nothing is pooled, so nothing can be repeated after a fork or a restored
/// snapshot. Thread: any.
class KernelRandom final : public Random {
public:
    void fill(std::span<std::byte> out) override;
};

/// Reproducible: the same seed gives the same bytes on every machine (xoshiro256**, seeded by splitmix64).
/// For simulations; never for keys of a real node. Thread: one at a time.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed);
    void fill(std::span<std::byte> out) override;

private:
    std::uint64_t next();
    std::array<std::uint64_t, 4> state_;
};

}  // namespace penstock::core
