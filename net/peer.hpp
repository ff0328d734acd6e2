// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/node_id.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace penstock::net {

/// Who is at the other end: always an address; a TLS subject or a node id where the layer below has checked
/// one.
class Peer {
public:
    Peer() = default;
    explicit Peer(const Address& address) : address_(address) {}

    const Address& address() const { return address_; }
    std::string_view tls_subject() const { return tls_subject_; }
    /// Null: not authenticated as a node.
    const NodeId* node_id() const { return node_id_ ? &*node_id_ : nullptr; }

    void node_id(const NodeId& id) { node_id_ = id; }
    void tls_subject(std::string subject) { tls_subject_ = std::move(subject); }

    static constexpr bool sendable = true;

private:
    Address address_;
    std::string tls_subject_;
    std::optional<NodeId> node_id_;
};

}  // namespace penstock::net
