// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <string_view>

namespace penstock::bench {

inline constexpr std::size_t response_head_bytes_max = 16 * 1024;

/// The length of the one HTTP/1.1 response that `received` begins; 0 while it is not all there. Refused: a
/// status other than 200, a length that is missing, repeated or no number, another body than `body`, and
/// bytes behind the end. Not a client: what is learnt here once is then only counted.
Result<std::size_t> response_bytes(std::string_view received, std::string_view body);

}  // namespace penstock::bench
