// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/detail/fetched.hpp>
#include <penstock/core/crypto/hash.hpp>

#include <algorithm>

namespace penstock::crypto {
namespace {

constexpr std::size_t block_bytes = 64;  // of SHA-256

void start(EVP_MD_CTX* context) { PENSTOCK_ASSERT(EVP_DigestInit_ex2(context, nullptr, nullptr) == 1); }
void add(EVP_MD_CTX* context, Bytes bytes) {
    PENSTOCK_ASSERT(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}
void end(EVP_MD_CTX* context, std::uint8_t* out) {
    PENSTOCK_ASSERT(EVP_DigestFinal_ex(context, out, nullptr) == 1);
}

/// Starts a hash with the key, padded to a block and masked: each half of HMAC.
void start_keyed(EVP_MD_CTX* context, Bytes key, std::byte mask) {
    Secret<block_bytes> block;
    std::ranges::copy(key, block.writable().begin());
    for (auto& byte : block.writable()) byte ^= mask;
    start(context);
    add(context, block);
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256(Algorithms& algorithms) : context_(EVP_MD_CTX_new()) {
    PENSTOCK_ASSERT(context_ != nullptr &&
                    EVP_DigestInit_ex2(context_.get(), algorithms.fetched().sha256.get(), nullptr) == 1);
}

void Sha256::update(Bytes bytes) { add(context_.get(), bytes); }

Hash Sha256::finish() {
    Hash out;
    end(context_.get(), out.data());
    start(context_.get());
    return out;
}

Hash sha256(Algorithms& algorithms, std::initializer_list<Bytes> pieces) {
    auto* context = algorithms.fetched().scratch.get();
    start(context);
    for (const auto piece : pieces) add(context, piece);
    Hash out;
    end(context, out.data());
    start(context);
    return out;
}

// Written out because EVP_MAC costs half as much again per call, and keeps the key until the next one.
Secret<32> hmac(Algorithms& algorithms, Bytes key, std::initializer_list<Bytes> pieces) {
    auto* context = algorithms.fetched().scratch.get();
    Secret<32> out, short_key;
    if (key.size() > block_bytes) {
        start(context);
        add(context, key);
        end(context, short_key.data());
        key = short_key;
    }
    start_keyed(context, key, std::byte{0x36});
    for (const auto piece : pieces) add(context, piece);
    end(context, out.data());
    start_keyed(context, key, std::byte{0x5c});
    add(context, out);
    end(context, out.data());
    start(context);
    return out;
}

Secret<32> hkdf_extract(Algorithms& algorithms, Bytes salt, Bytes input) {
    return hmac(algorithms, salt, {input});
}

void hkdf_expand(Algorithms& algorithms, Bytes secret, Bytes info, std::span<std::byte> out) {
    PENSTOCK_ASSERT(out.size() <= hkdf_bytes_max);
    Secret<32> last;
    for (std::byte count{1}; !out.empty(); count = std::byte(std::to_integer<int>(count) + 1)) {
        const Bytes before = count == std::byte{1} ? Bytes() : Bytes(last);
        last = hmac(algorithms, secret, {before, info, Bytes(&count, 1)});
        const auto part = std::min(out.size(), last.size_bytes);
        std::ranges::copy(Bytes(last).first(part), out.begin());
        out = out.subspan(part);
    }
}

void expand_label(Algorithms& algorithms, const Secret<32>& secret, std::string_view label, Bytes context,
                  std::span<std::byte> out) {
    constexpr std::string_view prefix = "pst1 ";
    PENSTOCK_ASSERT(prefix.size() + label.size() <= 255 && context.size() <= 255);
    std::array<std::byte, 2 + 1 + 255 + 1 + 255> info;
    auto at = info.begin();
    *at++ = std::byte(out.size() >> 8);
    *at++ = std::byte(out.size() & 0xFF);
    *at++ = std::byte(prefix.size() + label.size());
    at = std::ranges::copy(Bytes(prefix), at).out;
    at = std::ranges::copy(Bytes(label), at).out;
    *at++ = std::byte(context.size());
    at = std::ranges::copy(context, at).out;
    hkdf_expand(algorithms, secret, Bytes(info.data(), static_cast<std::size_t>(at - info.begin())), out);
}

}  // namespace penstock::crypto
