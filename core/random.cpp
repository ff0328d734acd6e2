// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/random.hpp>

#include <bit>
#include <cerrno>
#include <cstring>

#include <sys/random.h>

namespace penstock::core {

std::uint64_t Random::word() {
    std::uint64_t out;
    fill(std::as_writable_bytes(std::span(&out, 1)));
    return out;
}

std::uint64_t Random::below(std::uint64_t bound) {
    PENSTOCK_ASSERT(bound > 0);
    const std::uint64_t excess = (0 - bound) % bound;  // 2^64 mod bound: words below it are thrown away
    for (;;)
        if (const auto drawn = word(); drawn >= excess) return drawn % bound;
}

double Random::unit() { return static_cast<double>(word() >> 11) * 0x1.0p-53; }

void KernelRandom::fill(std::span<std::byte> out) {
    while (!out.empty()) {
        const auto got = ::getrandom(out.data(), out.size(), 0);
        PENSTOCK_ASSERT(got > 0 || errno == EINTR);
        if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
    }
}

SeededRandom::SeededRandom(std::uint64_t seed) {
    for (auto& word : state_) {
        seed += 0x9E3779B97F4A7C15;
        auto mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        word = mixed ^ (mixed >> 31);
    }
}

std::uint64_t SeededRandom::next() {
    const auto out = std::rotl(state_[1] * 5, 7) * 9;
    const auto shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return out;
}

void SeededRandom::fill(std::span<std::byte> out) {
    while (!out.empty()) {
        const auto word = next();
        const auto count = out.size() < sizeof word ? out.size() : sizeof word;
        std::memcpy(out.data(), &word, count);
        out = out.subspan(count);
    }
}

}  // namespace penstock::core
