// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/secret.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>

struct evp_cipher_ctx_st;

namespace penstock::crypto {

/// The numbers are those of the wire (docs/protocol.md, 0.3).
enum class Suite : std::uint8_t { aes_gcm = 1, chacha_poly = 2 };

inline constexpr std::size_t tag_bytes = 16;
using Nonce = std::array<std::uint8_t, 12>;

/// Noise's nonce for a counter (revision 34, 12): four zero bytes, then the counter, big endian for AES-GCM
/// and little endian for ChaCha20-Poly1305.
Nonce counter_nonce(Suite suite, std::uint64_t count);

/// One cipher context, made once and used for each record: the key is set once, only the nonce changes. What
/// it costs is the cipher's own work and some 150 ns. Seals and opens alike; a key must never see a nonce
/// twice when sealing, which is the caller's care.
///
/// Owner: a worker's; the Algorithms that it was made with outlive it.
/// Limits: 1 GiB a message.
class Aead {
public:
    static constexpr std::size_t message_bytes_max = 1u << 30;

    /// Without a key: `rekey` before the first use.
    Aead(Algorithms& algorithms, Suite suite);
    Aead(Algorithms& algorithms, Suite suite, const Secret<32>& key);
    Aead(Aead&&) noexcept = default;
    Aead& operator=(Aead&&) noexcept = default;

    Suite suite() const { return suite_; }
    /// From now on another key; costs 50 to 150 ns.
    void rekey(const Secret<32>& key);

    /// Ciphertext and tag into `out`, which is where `plain` is (in place) or does not overlap it. Requires
    /// out.size() >= plain.size() + tag_bytes. Answers the bytes written.
    std::size_t seal(const Nonce& nonce, Bytes associated, Bytes plain, std::span<std::byte> out);
    /// Likewise of pieces in a row, which do not overlap `out`.
    std::size_t seal(const Nonce& nonce, Bytes associated, std::span<const Bytes> pieces,
                     std::span<std::byte> out);

    /// The plaintext of ciphertext and tag into `out`, in place or without overlap; false if it was not
    /// sealed so, and then `out` holds zeros. Requires out.size() + tag_bytes >= sealed.size().
    [[nodiscard]] bool open(const Nonce& nonce, Bytes associated, Bytes sealed, std::span<std::byte> out);

private:
    struct Free {
        void operator()(evp_cipher_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_cipher_ctx_st, Free> context_;
    Suite suite_;
};

}  // namespace penstock::crypto
