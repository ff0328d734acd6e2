// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::core {

/// Of the library that was linked: "0.1.0".
const char* version();

}  // namespace penstock::core
