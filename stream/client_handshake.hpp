// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/core/crypto/certificate.hpp>
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

/// What a client brings to a handshake. Borrowed until the handshake is done or dead.
struct ClientSetup {
    crypto::Suite suite = crypto::Suite::aes_gcm;
    const crypto::Secret<32>* network_key = nullptr;   ///< null: the network has none
    const crypto::X25519Pair* static_key = nullptr;    ///< null: anonymous, a key for this handshake alone
    const crypto::Certificate* certificate = nullptr;  ///< null: type 0, none; else of the static key
    KemPair* kem = nullptr;                            ///< null: without
};

/// What the server said, inside encryption and verified.
struct ServerOffer {
    KeyTerms terms;
    crypto::Certificate certificate;
};

/// The client's side of one handshake (docs/protocol.md, 1.1): bytes in, bytes out. The calls in order:
///
///     hello()      -> body of POST /enc_init
///     read(answer) -> who the server is, and its terms; here the caller compares node id or name with what
///                     it expects (certificate_untrusted is its to say), and stops before message 3 if wrong
///     message_3()  -> goes, the same bytes again, into every request until there is a response
///     key()        -> for the requests
///
/// Whatever fails ends the handshake; another one starts with a new object.
/// Owner: stays where it is (the Noise state points to a key inside). Thread: the one of its Algorithms.
class ClientHandshake {
public:
    ClientHandshake(crypto::Algorithms& algorithms, core::Random& random, const ClientSetup& setup);
    ClientHandshake(const ClientHandshake&) = delete;
    ClientHandshake& operator=(const ClientHandshake&) = delete;

    std::string hello();
    /// Checks layout, tags, version list, certificate (static key, usage, dates, issuer, both signatures). A
    /// self-signed certificate passes. Costs 2 DH and two signature checks.
    /// Errors: protocol, handshake (a tag), version (a rollback), and crypto::verify's.
    Result<ServerOffer> read(Bytes server_hello, core::WallTime now,
                             std::span<const crypto::Certificate> issuers);
    /// Requires that `read` succeeded. Made once; later calls answer the same bytes.
    Result<Bytes> message_3();
    /// Requires that message_3() succeeded.
    const RequestKey& key() const;

private:
    Result<std::string> read_message_2(Bytes message);
    Result<void> use_kem(const Payload2& payload, Bytes message_2);
    crypto::HandshakeState start(const crypto::Secret<32>& kem_secret) const;
    std::string write_message_1(crypto::HandshakeState& state) const;

    crypto::Algorithms& algorithms_;
    core::Random& random_;
    ClientSetup setup_;
    crypto::X25519Pair own_static_;  // of an anonymous client
    crypto::Secret<32> ephemeral_;   // kept only while a KEM may make the state start anew
    std::optional<crypto::HandshakeState> state_;
    std::string message_3_;
    std::optional<RequestKey> key_;
    bool is_offered_ = false;
};

}  // namespace penstock::stream
