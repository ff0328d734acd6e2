// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace penstock::bench {

/// printf into a string; at most 511 characters, the rest is cut off.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

}  // namespace penstock::bench
