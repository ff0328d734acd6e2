// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/noise.hpp>
#include <penstock/core/result.hpp>

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace noise_vectors {

namespace crypto = penstock::crypto;

/// What a protocol name asks for, if it is one that penstock::crypto has.
struct Protocol {
    crypto::Pattern pattern;
    crypto::Suite suite;

    /// "Noise_XXpsk3_25519_AESGCM_SHA256". The name is kept as a view.
    static std::optional<Protocol> parse(std::string_view name);
};

/// One side's fields: `init_...` or `resp_...`.
struct Side {
    std::string prologue;
    std::vector<crypto::Secret<32>> psks;
    std::optional<crypto::X25519Pair> fixed;
    std::optional<crypto::Secret<32>> ephemeral;
    std::optional<crypto::X25519Public> remote_static;
};

/// One vector of the common format, its texts decoded.
struct Vector {
    struct Message {
        std::string payload, ciphertext;
    };
    Side initiator, responder;
    std::optional<std::string> handshake_hash;
    std::vector<Message> messages;

    /// Strict about types, hexadecimal digits, lengths, and that all is there that the protocol needs.
    static penstock::Result<Vector> parse(const nlohmann::json& object, const Protocol& protocol);
};

/// Runs both sides; answers what differs first, or null.
const char* difference(crypto::Algorithms& algorithms, const Protocol& protocol, const Vector& vector);

}  // namespace noise_vectors
