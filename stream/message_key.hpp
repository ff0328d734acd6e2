// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/stream/limits.hpp>
#include <penstock/stream/request_key.hpp>

#include <array>
#include <cstdint>

namespace penstock::stream {

/// Fresh from the kernel for each message.
using Salt = std::array<std::uint8_t, salt_bytes>;

/// The key of one encrypted request, or of one response (docs/protocol.md, 1.7). It opens and seals this
/// message and nothing else, so it is what a key's owner hands to the worker where the connection lives
/// (1.6). Copies wipe themselves; it may cross threads.
struct MessageKey {
    crypto::Suite suite = crypto::Suite::aes_gcm;
    crypto::Secret<32> key{};
    crypto::Secret<12> iv{};

    /// Of record `index`; whether it is the last one is part of it, which is how a cut shows.
    crypto::Nonce nonce(std::uint64_t index, bool is_final) const;
};

/// About 2 us each.
MessageKey request_message_key(crypto::Algorithms& algorithms, const RequestKey& key, std::uint64_t n,
                               const Salt& salt);
/// `response_salt` is drawn by whoever answers, so a request that came twice never has two responses under
/// one key.
MessageKey response_message_key(crypto::Algorithms& algorithms, const RequestKey& key, std::uint64_t n,
                                const Salt& salt, const Salt& response_salt);

}  // namespace penstock::stream
