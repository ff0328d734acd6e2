// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/clock.hpp>
#include <penstock/core/crypto/ed25519.hpp>
#include <penstock/core/crypto/x25519.hpp>
#include <penstock/core/node_id.hpp>
#include <penstock/core/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace penstock::crypto {

/// What a certificate is good for; bits.
enum class Usage : std::uint8_t { none = 0, client = 1, server = 2, issuer = 4 };
constexpr Usage operator|(Usage a, Usage b) {
    return static_cast<Usage>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(Usage all, Usage wanted) {
    return (static_cast<unsigned>(all) & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}

/// H("pst1 node" | node key): who a node is.
NodeId node_id(const VerifyKey& node_key);

/// A node certificate (docs/protocol.md, 1.3): the node says which static key is its own, an issuer says
/// which name and rights it has.
///
///     "PSC1" | u8 version=1 | u8 usage | u16 flags=0 | u64 not_before | u64 not_after | static_key[32]
///     | node_key[32] | issuer_id[32] | v8 name | v16 ext | node_sig[64] | sig[64]
///
/// Parsed does not mean believed: see `verify` below. Owns its encoded bytes. Limits: 2,048 bytes whole, 255
/// of name.
class Certificate {
public:
    static constexpr std::size_t bytes_max = 2048;
    static constexpr std::size_t name_bytes_max = 255;

    /// What is freely chosen when one is made. Dates are whole seconds, both included.
    struct Fields {
        std::string name{};
        core::WallTime not_before{};
        core::WallTime not_after{};
        Usage usage = Usage::none;
        X25519Public static_key{};  ///< zeros for what is an issuer only
        NodeId issuer{};
    };

    /// Strict. Errors have Code::protocol.
    static Result<Certificate> parse(Bytes encoded);

    /// First half of making one: the node signs. The answer goes to the issuer.
    static Result<std::string> request(const Fields& fields, const SigningKey& node);
    /// Second half: the issuer, which is named in the request, signs what it agrees with. Refuses a request
    /// that the node did not sign.
    static Result<Certificate> issue(Bytes request, const SigningKey& issuer);

    Bytes encoded() const { return encoded_; }
    /// Of the encoded bytes (SHA-256): for lists of certificates that were verified, or are denied.
    std::array<std::uint8_t, 32> hash() const;

    Usage usage() const { return usage_; }
    /// Any bytes: escape it where a person reads it.
    std::string_view name() const;
    const X25519Public& static_key() const { return static_key_; }
    const VerifyKey& node_key() const { return node_key_; }
    const NodeId& node() const { return node_; }
    const NodeId& issuer() const { return issuer_; }
    bool is_self_signed() const { return node_ == issuer_; }
    /// Dates beyond what a WallTime can hold are its end.
    core::WallTime not_before() const { return not_before_; }
    core::WallTime not_after() const { return not_after_; }
    bool is_valid_at(core::WallTime now) const;

private:
    Certificate() = default;

    std::string encoded_;
    X25519Public static_key_{};
    VerifyKey node_key_{};
    NodeId node_, issuer_;
    core::WallTime not_before_{}, not_after_{};
    Usage usage_ = Usage::none;
};

/// What a certificate is shown for.
struct CertificateUse {
    Usage usage = Usage::none;
    core::WallTime now{};
    X25519Public static_key{};  ///< of the handshake that it came in
};

// Trust. A self-signed certificate passes: that it counts as unauthenticated unless its node is listed, and
// deny lists, node ids and names that were fixed beforehand, are the caller's.

/// What is looked at each time, without signatures: static key, usage, dates, and that the issuer is known
/// and may issue today. Answers the key that must have signed. Errors: identity_mismatch, cert_untrusted,
/// cert_expired.
Result<VerifyKey> check(const Certificate& certificate, const CertificateUse& use,
                        std::span<const Certificate> issuers);
/// Both signatures, about 65 us: what may be remembered by the certificate's hash. Error: signature.
Result<void> check_signatures(const Certificate& certificate, const VerifyKey& issuer_key);
/// First the one, then the other.
Result<void> verify(const Certificate& certificate, const CertificateUse& use,
                    std::span<const Certificate> issuers);

}  // namespace penstock::crypto
