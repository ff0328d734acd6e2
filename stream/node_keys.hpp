// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/certificate.hpp>
#include <penstock/core/crypto/identity.hpp>
#include <penstock/core/crypto/network_key.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::stream {

/// Which clients count as authenticated when their certificate is self-signed.
struct ClientPolicy {
    bool any = false;              ///< every valid certificate does
    std::vector<NodeId> listed{};  ///< else these nodes'
    bool accepts(const NodeId& id) const;
};

/// What a node shows and believes in handshakes, shared by all its workers: immutable, replaced as a whole
/// when the certificate is renewed. Sendable as shared_ptr<const NodeKeys>.
struct NodeKeys {
    /// The certificate is self-signed, valid from an hour ago for 90 days.
    static Result<std::shared_ptr<const NodeKeys>> make(std::shared_ptr<const crypto::Identity> identity,
                                                        std::string_view name, core::WallTime now,
                                                        ClientPolicy policy,
                                                        std::vector<crypto::Secret<32>> network_keys);
    static constexpr std::chrono::hours certificate_life{24 * 90};

    std::shared_ptr<const crypto::Identity> identity;
    crypto::Certificate certificate;
    ClientPolicy policy;
    std::vector<crypto::Secret<32>> network_keys;  ///< none, one, or two while it is changed
    std::vector<crypto::Certificate> issuers;
};

}  // namespace penstock::stream
