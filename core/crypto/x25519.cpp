// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/x25519.hpp>

#include <sodium.h>

namespace penstock::crypto {

X25519Pair::X25519Pair(const Secret<32>& secret) : secret_(secret) {
    PENSTOCK_ASSERT(sodium_init() >= 0);  // it picks the fast code for this CPU, once
    PENSTOCK_ASSERT(crypto_scalarmult_curve25519_base(public_.data(), secret_.data()) == 0);
}

X25519Pair X25519Pair::make(core::Random& random) {
    Secret<32> secret;
    random.fill(secret.writable());
    return X25519Pair(secret);
}

std::optional<Secret<32>> X25519Pair::agree(const X25519Public& peer) const {
    Secret<32> out;
    if (crypto_scalarmult_curve25519(out.data(), secret_.data(), peer.data()) != 0) return std::nullopt;
    if (out.is_zero()) return std::nullopt;  // libsodium says so too; this does not rest on its version
    return out;
}

}  // namespace penstock::crypto
