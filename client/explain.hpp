// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/code.hpp>

namespace penstock::client {

/// A code of the node's, with a text for whoever runs the client: what it means and what to do.
Error explained(crypto::Code code);

}  // namespace penstock::client
