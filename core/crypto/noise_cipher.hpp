// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/secret.hpp>

#include <cstdint>
#include <span>

namespace penstock::crypto {

/// Noise's REKEY (revision 34, 4.2): the key that follows `key`.
Secret<32> next_key(Algorithms& algorithms, Suite suite, const Secret<32>& key);

/// Noise's CipherState (revision 34, 5.1): a key and a counter, plain bytes that can be copied. It makes a
/// context for each message: right for handshakes. What carries records keeps an Aead and counts itself.
class CipherState {
public:
    explicit CipherState(Suite suite) : suite_(suite) {}
    CipherState(Suite suite, const Secret<32>& key) : suite_(suite) { set_key(key); }

    void set_key(const Secret<32>& key);
    bool has_key() const { return has_key_; }
    /// What a message grows by: a tag, or nothing before there is a key.
    std::size_t overhead_bytes() const { return has_key_ ? tag_bytes : 0; }

    /// Without a key both copy. `out` as in Aead. Answers the bytes written.
    std::size_t encrypt(Algorithms& algorithms, Bytes associated, Bytes plain, std::span<std::byte> out);
    /// False leaves the counter where it was.
    [[nodiscard]] bool decrypt(Algorithms& algorithms, Bytes associated, Bytes sealed,
                               std::span<std::byte> out);
    void rekey(Algorithms& algorithms);

private:
    Secret<32> key_;
    std::uint64_t count_ = 0;
    Suite suite_;
    bool has_key_ = false;
};

}  // namespace penstock::crypto
