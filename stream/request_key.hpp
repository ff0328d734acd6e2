// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/noise.hpp>
#include <penstock/core/crypto/secret.hpp>

namespace penstock::stream {

/// What a finished handshake leaves (docs/protocol.md, 1.4): secrets that the keys of encrypted requests,
/// responses and sessions are derived from. The same on both sides.
struct RequestKey {
    crypto::Suite suite = crypto::Suite::aes_gcm;
    crypto::Secret<32> client{};    ///< c_http: requests
    crypto::Secret<32> server{};    ///< s_http: responses
    crypto::Secret<32> exporter{};  ///< exp: sessions
};

/// Requires state.is_done().
RequestKey make_request_key(crypto::Algorithms& algorithms, crypto::Suite suite,
                            const crypto::HandshakeState& state);

}  // namespace penstock::stream
