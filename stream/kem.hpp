// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/random.hpp>

#include <cstdint>
#include <optional>
#include <string>

// The slot for a key encapsulation that no quantum computer breaks (docs/protocol.md, 1.4): whoever has an
// ML-KEM hands it to the handshake. Without one the handshake goes without.
namespace penstock::stream {

inline constexpr std::uint16_t ml_kem_768 = 0x0768;

/// The client's half: a key pair made for one handshake.
class KemPair {
public:
    virtual ~KemPair() = default;
    virtual std::uint16_t kem() const { return ml_kem_768; }
    virtual Bytes public_key() const = 0;
    /// None if the ciphertext can't be one.
    virtual std::optional<crypto::Secret<32>> open(Bytes ciphertext) = 0;
};

/// The server's half.
class Kem {
public:
    struct Sealed {
        std::string ciphertext;
        crypto::Secret<32> secret;
    };
    virtual ~Kem() = default;
    virtual std::uint16_t kem() const { return ml_kem_768; }
    /// None if it is no public key.
    virtual std::optional<Sealed> seal(core::Random& random, Bytes public_key) = 0;
};

}  // namespace penstock::stream
