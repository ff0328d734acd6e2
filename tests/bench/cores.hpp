// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::bench {

inline constexpr int server_core = 0;  ///< also that of a loop which programs that time themselves measure
inline constexpr int load_core = 1;

}  // namespace penstock::bench
