// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/algorithms.hpp>

namespace penstock::stream {

/// A context for each suite, keyed anew for each record of an encrypted request or response: what a worker
/// has one of (two, if it likes one a direction). Records of a stream have an Aead of their own instead.
class Ciphers {
public:
    explicit Ciphers(crypto::Algorithms& algorithms)
        : aes_gcm_(algorithms, crypto::Suite::aes_gcm),
          chacha_poly_(algorithms, crypto::Suite::chacha_poly) {}

    crypto::Aead& of(crypto::Suite suite) {
        return suite == crypto::Suite::aes_gcm ? aes_gcm_ : chacha_poly_;
    }

private:
    crypto::Aead aes_gcm_, chacha_poly_;
};

}  // namespace penstock::stream
