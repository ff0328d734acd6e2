// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/hash.hpp>
#include <penstock/core/crypto/noise_cipher.hpp>

#include <string_view>

namespace penstock::crypto {

/// The two keys that a handshake ends with: 1 from initiator to responder, 2 the other way.
struct SplitKeys {
    Secret<32> key_1, key_2;
};

/// Noise's SymmetricState (revision 34, 5.2): what both sides have said so far, as a hash and as keys. Plain
/// bytes that can be copied and wipe themselves.
class SymmetricState {
public:
    SymmetricState(Algorithms& algorithms, std::string_view protocol_name, Suite suite);

    void mix_key(Algorithms& algorithms, Bytes input);
    void mix_hash(Algorithms& algorithms, Bytes data);
    void mix_key_and_hash(Algorithms& algorithms, Bytes input);

    std::size_t overhead_bytes() const { return cipher_.overhead_bytes(); }
    bool has_key() const { return cipher_.has_key(); }
    /// `out` does not overlap the input.
    std::size_t encrypt_and_hash(Algorithms& algorithms, Bytes plain, std::span<std::byte> out);
    [[nodiscard]] bool decrypt_and_hash(Algorithms& algorithms, Bytes sealed, std::span<std::byte> out);

    const Hash& hash() const { return hash_; }
    SplitKeys split(Algorithms& algorithms) const;

private:
    Secret<32> chaining_key_;
    Hash hash_{};
    CipherState cipher_;
};

}  // namespace penstock::crypto
