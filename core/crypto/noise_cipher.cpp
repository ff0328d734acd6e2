// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/noise_cipher.hpp>

#include <cstring>

namespace penstock::crypto {
namespace {

constexpr auto rekey_count = ~std::uint64_t{0};  // the one counter that no message may use

void copy(Bytes from, std::span<std::byte> to) {
    PENSTOCK_ASSERT(from.size() <= to.size());
    if (!from.empty()) std::memmove(to.data(), from.data(), from.size());
}

}  // namespace

Secret<32> next_key(Algorithms& algorithms, Suite suite, const Secret<32>& key) {
    Secret<32 + tag_bytes> sealed;
    Aead(algorithms, suite, key)
        .seal(counter_nonce(suite, rekey_count), {}, Bytes(sealed).first(32), sealed.writable());
    return Secret<32>(std::span<const std::uint8_t, 32>(sealed.data(), 32));
}

void CipherState::set_key(const Secret<32>& key) {
    key_ = key;
    count_ = 0;
    has_key_ = true;
}

std::size_t CipherState::encrypt(Algorithms& algorithms, Bytes associated, Bytes plain,
                                 std::span<std::byte> out) {
    if (!has_key_) {
        copy(plain, out);
        return plain.size();
    }
    PENSTOCK_ASSERT(count_ != rekey_count);
    return Aead(algorithms, suite_, key_).seal(counter_nonce(suite_, count_++), associated, plain, out);
}

bool CipherState::decrypt(Algorithms& algorithms, Bytes associated, Bytes sealed, std::span<std::byte> out) {
    if (!has_key_) {
        copy(sealed, out);
        return true;
    }
    PENSTOCK_ASSERT(count_ != rekey_count);
    if (!Aead(algorithms, suite_, key_).open(counter_nonce(suite_, count_), associated, sealed, out))
        return false;
    ++count_;
    return true;
}

void CipherState::rekey(Algorithms& algorithms) {
    PENSTOCK_ASSERT(has_key_);
    key_ = next_key(algorithms, suite_, key_);
}

}  // namespace penstock::crypto
