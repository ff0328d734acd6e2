// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/settings.hpp>
#include <penstock/core/crypto/certificate.hpp>
#include <penstock/http/client.hpp>
#include <penstock/stream/client_handshake.hpp>
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/key_table.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace penstock::client {

/// A client's side of encrypted HTTP with one node: the handshake, then requests under its key. Bytes, crypto
/// and HTTP; who is to be trusted is the caller's to say. One handshake in its life. Owner: shared by a
/// Client and its requests, which may outlive it. Thread: its worker's.
class SecureUplink {
public:
    SecureUplink(Worker& worker, std::shared_ptr<const Settings> settings, std::string address);

    /// What was said in clear is a hint and no more: `is_hint`.
    struct Failure {
        Error error;
        bool is_hint = false;
        std::chrono::seconds after{0};  ///< the node asks not to come again before
    };
    template <class T>
    using Outcome = std::expected<T, Failure>;

    /// The certificate that was shown, verified but for whom it belongs to.
    Task<Outcome<crypto::Certificate>> shake_hands();
    /// Requires that it was trusted.
    Result<void> trust();
    bool has_key() const { return is_trusted_; }
    /// The node has likely forgotten the key, by the times that it named, or says so.
    bool is_stale() const;

    struct Plain {
        std::string request;      ///< the whole inner plaintext
        Buffer response;          ///< likewise
        std::size_t body_at = 0;  ///< of the response
        int status = 0;
        bool is_streaming = false;
    };
    /// One encrypted request with its answer. This stays until the answer is there.
    Task<Outcome<Plain>> request(const http::Request& request);
    const stream::RequestKey& key() const { return handshake_->key(); }
    crypto::Algorithms& algorithms() const { return worker_.local<stream::CryptoTools>().algorithms; }
    const std::string& address() const { return address_; }

private:
    Worker& worker_;
    const std::shared_ptr<const Settings> settings_;
    const std::string address_;
    std::optional<crypto::Certificate> own_;
    std::optional<stream::ClientHandshake> handshake_;
    std::optional<stream::ServerOffer> offer_;
    std::string message_3_;
    std::uint64_t next_n_ = 0;
    core::TimePoint made_{}, used_{};
    bool is_trusted_ = false;
    bool is_known_ = false;  // the node answered under this key: message 3 is not sent any more
    bool is_gone_ = false;   // and says now that it does not know it: a hint
};

}  // namespace penstock::client
