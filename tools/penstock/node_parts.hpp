// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/node/node.hpp>

#include "file_receiver.hpp"

namespace penstock::tool {

/// What `penstock node` and `penstock demo` serve: /hello/{name}, channels E and F.
void add_parts(Node& node);

}  // namespace penstock::tool
