// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/random.hpp>

#include <array>
#include <cstdint>

namespace penstock::crypto {

using VerifyKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

/// An Ed25519 private key (RFC 8032), kept as its seed. Long-lived ones belong in Locked memory: see
/// Identity.
class SigningKey {
public:
    SigningKey() = default;  ///< no key
    explicit SigningKey(const Secret<32>& seed);
    static SigningKey make(core::Random& random);

    Secret<32> seed() const;
    VerifyKey verify_key() const;
    /// Costs about 13 us.
    Signature sign(Bytes message) const;

    static constexpr bool sendable = true;

private:
    Secret<64> expanded_;  // seed, then public key
};

/// Whether the key signed the message; keys and points of small order, and encodings that are not canonical,
/// are refused. Costs about 32 us. Thread: any.
[[nodiscard]] bool verify(const VerifyKey& key, Bytes message, const Signature& signature);

}  // namespace penstock::crypto
