// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/version.hpp>

namespace penstock::core {

const char* version() { return PENSTOCK_VERSION; }

}  // namespace penstock::core
