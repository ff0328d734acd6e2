// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/noise_symmetric.hpp>

namespace penstock::crypto {
namespace {

/// Noise's HKDF is RFC 5869 without an info; its outputs are the blocks in a row.
template <std::size_t Count>
std::array<Secret<32>, Count> derive(Algorithms& algorithms, const Secret<32>& key, Bytes input) {
    Secret<32 * Count> all;
    hkdf_expand(algorithms, hkdf_extract(algorithms, key, input), {}, all.writable());
    std::array<Secret<32>, Count> out;
    for (std::size_t i = 0; i < Count; ++i)
        out[i] = Secret<32>(std::span<const std::uint8_t, 32>(all.data() + 32 * i, 32));
    return out;
}

}  // namespace

SymmetricState::SymmetricState(Algorithms& algorithms, std::string_view protocol_name, Suite suite)
    : cipher_(suite) {
    const Bytes name(protocol_name);
    if (name.size() <= hash_.size())
        std::ranges::copy(name, std::as_writable_bytes(std::span(hash_)).begin());
    else
        hash_ = sha256(algorithms, {name});
    chaining_key_ = Secret<32>(hash_);
}

void SymmetricState::mix_key(Algorithms& algorithms, Bytes input) {
    auto keys = derive<2>(algorithms, chaining_key_, input);
    chaining_key_ = keys[0];
    cipher_.set_key(keys[1]);
}

void SymmetricState::mix_hash(Algorithms& algorithms, Bytes data) {
    hash_ = sha256(algorithms, {Bytes(hash_), data});
}

void SymmetricState::mix_key_and_hash(Algorithms& algorithms, Bytes input) {
    auto keys = derive<3>(algorithms, chaining_key_, input);
    chaining_key_ = keys[0];
    mix_hash(algorithms, keys[1]);
    cipher_.set_key(keys[2]);
}

std::size_t SymmetricState::encrypt_and_hash(Algorithms& algorithms, Bytes plain, std::span<std::byte> out) {
    const auto size = cipher_.encrypt(algorithms, Bytes(hash_), plain, out);
    mix_hash(algorithms, Bytes(out.data(), size));
    return size;
}

bool SymmetricState::decrypt_and_hash(Algorithms& algorithms, Bytes sealed, std::span<std::byte> out) {
    if (!cipher_.decrypt(algorithms, Bytes(hash_), sealed, out)) return false;
    mix_hash(algorithms, sealed);
    return true;
}

SplitKeys SymmetricState::split(Algorithms& algorithms) const {
    auto keys = derive<2>(algorithms, chaining_key_, {});
    return {keys[0], keys[1]};
}

}  // namespace penstock::crypto
