// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/clock.hpp>
#include <penstock/core/crypto/certificate.hpp>
#include <penstock/core/crypto/ed25519.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/crypto/x25519.hpp>
#include <penstock/core/node_id.hpp>
#include <penstock/core/random.hpp>
#include <penstock/core/result.hpp>

#include <string>
#include <string_view>

namespace penstock::crypto {

/// Who this node is: its node key (Ed25519), which makes its id and signs its certificates, and its static
/// key (X25519), which shakes hands. Both in locked memory that is wiped when it dies.
///
/// The key file is text of mode 0600, up to 4,096 bytes; lines that begin with # and empty ones are skipped:
///
///     penstock key 1
///     node <64 hexadecimal digits: the node key's seed>
///     static <64 hexadecimal digits: the static key>
///
/// Thread: any, one at a time; immutable once made. Moved-from ones may only die or be assigned to.
class Identity {
public:
    static Identity make(core::Random& random);
    /// Errors: the file system's; domain settings for a file that others may read, or that is no key file.
    static Result<Identity> load(const std::string& path);
    /// What is in the file; without one, a new identity from the kernel's randomness, saved there.
    static Result<Identity> load_or_make(const std::string& path);
    static Result<Identity> load_or_make(const std::string& path, core::Random& random);
    /// The text of a key file.
    static Result<Identity> parse(Bytes text);

    /// Makes the file and its entry last before it answers. Refuses to overwrite: EEXIST.
    Result<void> save(const std::string& path) const;

    const NodeId& id() const { return id_; }
    const SigningKey& node_key() const { return keys_->node; }
    const X25519Pair& static_key() const { return keys_->fixed; }

    /// Self-signed. What an issuer signs is made by Certificate::request with node_key().
    Result<Certificate> certificate(std::string_view name, core::WallTime not_before,
                                    core::WallTime not_after, Usage usage) const;

    static constexpr bool sendable = true;

private:
    struct Keys {
        SigningKey node;
        X25519Pair fixed;
    };
    Identity(const Secret<32>& node_seed, const Secret<32>& static_secret);

    Locked<Keys> keys_;
    NodeId id_;
};

}  // namespace penstock::crypto
