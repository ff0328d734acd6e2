// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/counter.hpp>
#include <penstock/core/crypto/code.hpp>

#include <array>

namespace penstock::stream {

/// How many connections of a worker were ended by us for what the peer did, by code: a local of the worker.
/// Thread: one writer, any reader.
class EndCounters {
public:
    core::Counter& of(crypto::Code code) { return counters_[place(code)]; }
    const core::Counter& of(crypto::Code code) const { return counters_[place(code)]; }

private:
    /// The table of codes has up to 16 in each of four blocks.
    static constexpr std::size_t place(crypto::Code code) {
        const auto value = static_cast<std::size_t>(code);
        return (value >> 8 & 3) << 4 | (value & 15);
    }
    std::array<core::Counter, 64> counters_{};
};

}  // namespace penstock::stream
