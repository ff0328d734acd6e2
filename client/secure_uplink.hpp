// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/settings.hpp>
#include <penstock/core/crypto/certificate.hpp>
#include <penstock/http/client.hpp>
#include <penstock/stream/client_handshake.hpp>
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/key_table.hpp>

#include <memory>
#include <optional>
#include <string>

namespace penstock::client {

/// A client's side of encrypted HTTP with one node: the handshake, then requests under its key. Bytes, crypto
/// and HTTP; who is to be trusted is the caller's to say. Owner: a Client. Thread: its worker's.
class SecureUplink {
public:
    SecureUplink(Worker& worker, const Settings& settings, std::string address);

    /// What was said in clear is a hint and no more: `is_hint`.
    struct Failure {
        Error error;
        bool is_hint = false;
    };
    template <class T>
    using Outcome = std::expected<T, Failure>;

    /// The certificate that was shown, verified but for whom it belongs to.
    Task<Outcome<crypto::Certificate>> shake_hands();
    /// Requires that it was trusted.
    Result<void> trust();
    bool has_key() const { return is_trusted_; }

    struct Plain {
        std::string request, response;  ///< whole inner plaintexts
        std::size_t body_at = 0;        ///< of the response
        int status = 0;
    };
    /// One encrypted request with its answer.
    Task<Outcome<Plain>> request(const http::Request& request);
    const stream::RequestKey& key() const { return handshake_->key(); }
    crypto::Algorithms& algorithms() const { return worker_.local<stream::CryptoTools>().algorithms; }
    const std::string& address() const { return address_; }

private:
    Worker& worker_;
    const Settings& settings_;
    const std::string address_;
    std::optional<crypto::Certificate> own_;
    std::optional<stream::ClientHandshake> handshake_;
    std::optional<stream::ServerOffer> offer_;
    std::string message_3_;
    std::uint64_t next_n_ = 0;
    bool is_trusted_ = false;
    bool is_known_ = false;  // the node answered under this key: message 3 is not sent any more
};

}  // namespace penstock::client
