// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Ends a fuzz run: libFuzzer keeps the input.
#define FUZZ_CHECK(condition)               \
    do {                                    \
        if (!(condition)) __builtin_trap(); \
    } while (false)

namespace penstock::fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Takes one byte of the input, for what a run varies.
inline std::uint8_t take(std::string_view& input) {
    if (input.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(input.front());
    input.remove_prefix(1);
    return out;
}

}  // namespace penstock::fuzz
