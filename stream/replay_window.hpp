// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/assert.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace penstock::stream {

/// Which numbers were seen, for the newest ones: a ring of bits (RFC 6479), of which one word is always being
/// left, so `words` words remember (words - 1) * 64 numbers. Whatever is older counts as seen.
///
/// A number is new iff nothing was seen yet, or it is above newest - window and was not seen
/// (docs/protocol.md, 1.7). `check` before a message is opened, `set` after its tag was right: a forgery
/// moves nothing. Both cost a few instructions; a jump clears at most `words` words.
template <std::size_t words>
class ReplayWindow {
    static_assert(words >= 2);

public:
    static constexpr std::uint64_t window = (words - 1) * 64;

    bool check(std::uint64_t n) const {
        if (is_empty_ || n > newest_) return true;
        return newest_ - n < window && (word(n) & bit(n)) == 0;
    }
    /// Requires check(n).
    void set(std::uint64_t n) {
        PENSTOCK_ASSERT(check(n));
        if (!is_empty_ && n > newest_) {
            const auto steps = std::min<std::uint64_t>(n / 64 - newest_ / 64, words);
            for (std::uint64_t i = 0; i < steps; ++i) word(n - i * 64) = 0;
        }
        if (is_empty_ || n > newest_) newest_ = n;
        is_empty_ = false;
        word(n) |= bit(n);
    }

    /// Zero while nothing was seen.
    std::uint64_t newest() const { return newest_; }

private:
    std::uint64_t& word(std::uint64_t n) { return ring_[n / 64 % words]; }
    const std::uint64_t& word(std::uint64_t n) const { return ring_[n / 64 % words]; }
    static constexpr std::uint64_t bit(std::uint64_t n) { return std::uint64_t{1} << n % 64; }

    std::array<std::uint64_t, words> ring_{};
    std::uint64_t newest_ = 0;
    bool is_empty_ = true;
};

/// Of a request key: 256 numbers in 320 bits.
using RequestWindow = ReplayWindow<5>;
static_assert(RequestWindow::window == 256);

}  // namespace penstock::stream
