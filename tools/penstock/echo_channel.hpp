// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/stream/channels.hpp>

namespace penstock::tool {

/// Letter E: every packet comes back as it is. Who doesn't read isn't read either.
void add_echo_channel(stream::Channels& channels);

}  // namespace penstock::tool
