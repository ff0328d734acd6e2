// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include <bench/traffic.hpp>

namespace penstock::bench {

struct Instructions {
    std::uint64_t start;  ///< of a run with the one request that every run begins with
    double per_reply;     ///< of the second half of the longest run
};

/// Instructions in user space, by callgrind: three runs of the server, with 0, N and 2N requests; the
/// difference of the last two, divided by N. No host changes it, so it can be compared between days. It does
/// depend a little on how many events a turn of the server finds.
Result<Instructions> count_instructions(const Traffic& traffic, const std::string& program,
                                        std::uint64_t requests);

/// The number on the line "totals: " of a callgrind file.
Result<std::uint64_t> callgrind_total(std::string_view file);

}  // namespace penstock::bench
