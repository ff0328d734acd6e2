// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/detail/fetched.hpp>

namespace penstock::crypto {
namespace {

const unsigned char* in(const std::byte* data) { return reinterpret_cast<const unsigned char*>(data); }
unsigned char* in(std::byte* data) { return reinterpret_cast<unsigned char*>(data); }

enum class Way { open = 0, seal = 1 };  // OpenSSL's numbers

void start(EVP_CIPHER_CTX* context, Way way, const Nonce& nonce, Bytes associated) {
    PENSTOCK_ASSERT(
        EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), static_cast<int>(way), nullptr) == 1);
    PENSTOCK_ASSERT(associated.size() <= Aead::message_bytes_max);
    int done = 0;
    if (!associated.empty())
        PENSTOCK_ASSERT(EVP_CipherUpdate(context, nullptr, &done, in(associated.data()),
                                         static_cast<int>(associated.size())) == 1);
}

/// Both ciphers are streams: as many bytes come out as go in.
void pass(EVP_CIPHER_CTX* context, Bytes piece, std::byte* out) {
    if (piece.empty()) return;
    int done = 0;
    PENSTOCK_ASSERT(
        EVP_CipherUpdate(context, in(out), &done, in(piece.data()), static_cast<int>(piece.size())) == 1);
    PENSTOCK_ASSERT(static_cast<std::size_t>(done) == piece.size());
}

void finish_seal(EVP_CIPHER_CTX* context, std::byte* tag) {
    int done = 0;
    PENSTOCK_ASSERT(EVP_CipherFinal_ex(context, in(tag), &done) == 1 && done == 0);
    PENSTOCK_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag) == 1);
}

}  // namespace

Nonce counter_nonce(Suite suite, std::uint64_t count) {
    Nonce out{};
    for (unsigned i = 0; i < 8; ++i)
        out[4 + i] = static_cast<std::uint8_t>(count >> 8 * (suite == Suite::aes_gcm ? 7 - i : i));
    return out;
}

void Aead::Free::operator()(evp_cipher_ctx_st* context) const noexcept { EVP_CIPHER_CTX_free(context); }

Aead::Aead(Algorithms& algorithms, Suite suite) : context_(EVP_CIPHER_CTX_new()), suite_(suite) {
    auto& fetched = algorithms.fetched();
    const auto* cipher = suite == Suite::aes_gcm ? fetched.aes_gcm.get() : fetched.chacha_poly.get();
    PENSTOCK_ASSERT(context_ != nullptr &&
                    EVP_CipherInit_ex2(context_.get(), cipher, nullptr, nullptr, 1, nullptr) == 1);
}

Aead::Aead(Algorithms& algorithms, Suite suite, const Secret<32>& key) : Aead(algorithms, suite) {
    rekey(key);
}

void Aead::rekey(const Secret<32>& key) {
    PENSTOCK_ASSERT(EVP_CipherInit_ex2(context_.get(), nullptr, key.data(), nullptr, 1, nullptr) == 1);
}

std::size_t Aead::seal(const Nonce& nonce, Bytes associated, Bytes plain, std::span<std::byte> out) {
    return seal(nonce, associated, std::span(&plain, 1), out);
}

std::size_t Aead::seal(const Nonce& nonce, Bytes associated, std::span<const Bytes> pieces,
                       std::span<std::byte> out) {
    start(context_.get(), Way::seal, nonce, associated);
    std::size_t at = 0;
    for (const auto piece : pieces) {
        PENSTOCK_ASSERT(piece.size() <= message_bytes_max - at &&
                        at + piece.size() + tag_bytes <= out.size());
        pass(context_.get(), piece, out.data() + at);
        at += piece.size();
    }
    PENSTOCK_ASSERT(at + tag_bytes <= out.size());
    finish_seal(context_.get(), out.data() + at);
    return at + tag_bytes;
}

bool Aead::open(const Nonce& nonce, Bytes associated, Bytes sealed, std::span<std::byte> out) {
    if (sealed.size() < tag_bytes) return false;
    const auto size = sealed.size() - tag_bytes;
    PENSTOCK_ASSERT(size <= message_bytes_max && size <= out.size());
    std::array<std::byte, tag_bytes> tag;  // OpenSSL asks for one that it could write to
    std::ranges::copy(sealed.last(tag_bytes), tag.begin());
    start(context_.get(), Way::open, nonce, associated);
    pass(context_.get(), sealed.first(size), out.data());
    PENSTOCK_ASSERT(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()) == 1);
    int done = 0;
    if (EVP_CipherFinal_ex(context_.get(), in(tag.data()), &done) == 1) return true;
    wipe(out.first(size));
    return false;
}

}  // namespace penstock::crypto
