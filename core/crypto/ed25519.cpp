// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/ed25519.hpp>

#include <algorithm>

#include <sodium.h>

namespace penstock::crypto {
namespace {

const unsigned char* in(Bytes bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace

SigningKey::SigningKey(const Secret<32>& seed) {
    PENSTOCK_ASSERT(sodium_init() >= 0);
    VerifyKey key;
    PENSTOCK_ASSERT(crypto_sign_ed25519_seed_keypair(key.data(), expanded_.data(), seed.data()) == 0);
}

SigningKey SigningKey::make(core::Random& random) {
    Secret<32> seed;
    random.fill(seed.writable());
    return SigningKey(seed);
}

Secret<32> SigningKey::seed() const {
    return Secret<32>(std::span<const std::uint8_t, 32>(expanded_.data(), 32));
}

VerifyKey SigningKey::verify_key() const {
    VerifyKey out;
    std::copy_n(expanded_.data() + 32, out.size(), out.begin());
    return out;
}

Signature SigningKey::sign(Bytes message) const {
    Signature out;
    PENSTOCK_ASSERT(crypto_sign_ed25519_detached(out.data(), nullptr, in(message), message.size(),
                                                 expanded_.data()) == 0);
    return out;
}

bool verify(const VerifyKey& key, Bytes message, const Signature& signature) {
    return crypto_sign_ed25519_verify_detached(signature.data(), in(message), message.size(), key.data()) ==
           0;
}

}  // namespace penstock::crypto
