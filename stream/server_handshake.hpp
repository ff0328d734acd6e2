// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/core/crypto/certificate.hpp>
#include <penstock/core/crypto/hash.hpp>
#include <penstock/core/crypto/noise.hpp>
#include <penstock/core/random.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/kem.hpp>
#include <penstock/stream/payload.hpp>
#include <penstock/stream/request_key.hpp>

#include <optional>
#include <span>
#include <string>

namespace penstock::stream {

/// What a node answers handshakes with. The static key is borrowed for as long as a FreshKey lives.
struct ServerSetup {
    const crypto::X25519Pair* static_key = nullptr;
    const crypto::Certificate* certificate = nullptr;
    /// None, one, or two while it is changed: either one is accepted.
    std::span<const crypto::Secret<32>> network_keys{};
    Kem* kem = nullptr;
};

/// Who a message 3 says the client is. Its tags were right, so whoever sent it has `static_key`; that the
/// certificate may be believed is still to be checked, behind the tag of the request (1.5).
struct ClientClaim {
    RequestKey key;
    crypto::X25519Public static_key{};
    std::optional<crypto::Certificate> certificate;  ///< none: an anonymous client
    crypto::Hash message_hash{};  ///< of message 3: the same one again is no news, another one an error

    /// What crypto::check asks for.
    crypto::CertificateUse use(core::WallTime now) const { return {crypto::Usage::client, now, static_key}; }
};
/// crypto::verify for a client; an anonymous one passes. (Where good signatures are remembered: crypto::check
/// each time, and crypto::check_signatures unless the certificate's hash is known.)
Result<void> verify(const ClientClaim& claim, core::WallTime now,
                    std::span<const crypto::Certificate> issuers);

crypto::Hash message_3_hash(crypto::Algorithms& algorithms, Bytes message_3);

/// A request key between message 2 and message 3: the Noise state, some 400 bytes. Each try to read message 3
/// works on a copy, so a forged one costs the client nothing but one of its four tries.
class FreshKey {
public:
    FreshKey(crypto::Suite suite, crypto::HandshakeState&& state) : state_(std::move(state)), suite_(suite) {}

    crypto::Suite suite() const { return suite_; }
    /// In this order: tag of the static key, DH, tag of payload 3, its layout. Errors: handshake, protocol.
    /// Costs one DH once the first tag is right.
    Result<ClientClaim> read(crypto::Algorithms& algorithms, Bytes message_3) const;
    /// For each message 3 that failed here, at the request's tag, or at the certificate. True: the fourth,
    /// erase the key.
    [[nodiscard]] bool count_failure() { return ++failures_ >= message_3_failures_max; }

private:
    crypto::HandshakeState state_;
    crypto::Suite suite_;
    std::uint8_t failures_ = 0;
};

/// The server's side of /enc_init (docs/protocol.md, 1.1): lives while one ClientHello is answered.
///
///     read(body)    -> no DH yet: who lacks the network key is refused at the tag of message 1
///     answer(terms) -> body of the 200, and the state to keep under terms.key_id
class ServerHandshake {
public:
    struct Answer {
        std::string body;
        FreshKey fresh;
    };

    ServerHandshake(crypto::Algorithms& algorithms, const ServerSetup& setup)
        : algorithms_(algorithms), setup_(setup) {}

    /// Errors: protocol, version, no_suite, handshake (too short), network_key.
    Result<void> read(Bytes client_hello);
    /// Requires that `read` succeeded, once. Costs a key generation and 2 DH. Errors: handshake (the client's
    /// key is of small order), protocol (its KEM key is none).
    Result<Answer> answer(core::Random& random, const KeyTerms& terms);

private:
    Result<void> read_message_1(Bytes message);
    Result<std::optional<Kem::Sealed>> use_kem(core::Random& random);
    crypto::HandshakeState start(const crypto::Secret<32>& kem_secret) const;

    crypto::Algorithms& algorithms_;
    ServerSetup setup_;
    crypto::Suite suite_ = crypto::Suite::aes_gcm;
    crypto::Secret<32> network_key_;          // the one that opened message 1
    std::string message_1_, kem_public_key_;  // only where a KEM takes part
    std::optional<crypto::HandshakeState> state_;
};

}  // namespace penstock::stream
