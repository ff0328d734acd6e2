// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/secret.hpp>

namespace penstock::stream {

/// The secret of a session (docs/protocol.md, 2.3): from the request key's exporter, bound to all that
/// request and reply said. Both are the whole inner plaintexts, head and body.
crypto::Secret<32> session_secret(crypto::Algorithms& algorithms, const crypto::Secret<32>& exporter,
                                  Bytes request_inner, Bytes reply_inner);

/// The psk of each attach to the session; all that is to be kept of the secret.
crypto::Secret<32> attach_psk(crypto::Algorithms& algorithms, const crypto::Secret<32>& session_secret);

}  // namespace penstock::stream
